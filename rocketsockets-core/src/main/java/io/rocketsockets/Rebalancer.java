package io.rocketsockets;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Moves connections away from its loop while that is hot and another is not: as many as carry half of the difference, by the
 * deliveries that each had. A loop that is not hot does nothing for it.
 *
 * <p>Against moving to and fro: the loop has to be hot for three windows of its {@link LoopMeter} in a row (0.3 s), the
 * difference has to be large, a connection that carries more than half of it stays, and after a move the count begins anew.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
final class Rebalancer {
    private static final double HOT = 0.6;
    private static final double DIFFERENCE = 0.3;
    private static final int WINDOWS = 3;

    /** In one decision, of which there are three in a second at most. */
    private static final int MOST_MOVES = 256;

    /** A share may miss its mark by so much and still be moved. */
    private static final double TOLERANCE = 0.05;

    private final EventLoop loop;
    private final List<EventLoop> loops;
    private int hotWindows;

    Rebalancer(EventLoop loop, List<EventLoop> loops) {
        this.loop = loop;
        this.loops = loops;
    }

    /** A window of the meter has ended. */
    void onWindow(double busy, long clock) {
        EventLoop coolest = coolest(clock);
        double difference = busy - coolest.meter.recentShare(clock);
        if (busy < HOT || difference < DIFFERENCE || coolest == loop) {
            hotWindows = 0;
            return;
        }
        hotWindows++;
        if (hotWindows == WINDOWS - 1) {
            loop.forEachConnection(Connection::takeDeliveries); // what the next window counts is recent
        } else if (hotWindows == WINDOWS) {
            hotWindows = 0;
            move(busy, difference / 2, coolest);
        }
    }

    private EventLoop coolest(long clock) {
        EventLoop coolest = loop;
        double least = Double.MAX_VALUE;
        for (EventLoop other : loops) {
            double share = other.meter.recentShare(clock);
            if (share < least) {
                least = share;
                coolest = other;
            }
        }
        return coolest;
    }

    private record Load(Connection connection, int deliveries) {}

    private void move(double busy, double share, EventLoop to) {
        List<Load> loads = new ArrayList<>();
        loop.forEachConnection(connection -> {
            int deliveries = connection.takeDeliveries();
            if (deliveries > 0) {
                loads.add(new Load(connection, deliveries));
            }
        });
        loads.sort(Comparator.comparingInt(Load::deliveries).reversed());
        double all = loads.stream().mapToInt(Load::deliveries).sum();
        double left = share;
        int moves = 0;
        for (Load load : loads) {
            double carries = busy * load.deliveries / all;
            if (carries <= left + TOLERANCE && moves < MOST_MOVES) {
                left -= carries;
                moves++;
                load.connection.onMove(to);
            }
            if (left < TOLERANCE) {
                return;
            }
        }
    }
}
