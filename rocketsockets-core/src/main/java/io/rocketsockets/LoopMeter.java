package io.rocketsockets;

import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The counts of one loop.
 *
 * <p><b>Threading:</b> written by the loop only, so that a plain add with an ordered store is enough (no fence on the way
 * of a byte); read from any thread.
 */
final class LoopMeter {
    private static final CloseReason[] REASONS = CloseReason.values();

    /** Weight of the past falls to 1/e in a second. */
    private static final double MEMORY_NANOS = 1e9;

    private static final long WINDOW_NANOS = 100_000_000;

    /** The longest turn is that of the current and the last such period. */
    private static final long PERIOD_NANOS = 10_000_000_000L;

    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong opened = new AtomicLong();
    private final AtomicLong arrived = new AtomicLong();
    private final AtomicLong departed = new AtomicLong();
    private final AtomicLong bytesRead = new AtomicLong();
    private final AtomicLong bytesWritten = new AtomicLong();
    private final AtomicLongArray closed = new AtomicLongArray(REASONS.length);

    /** When the current wait began, 0 while working; a reader must see how long a sleeping loop has been idle. */
    private final AtomicLong waitingSince = new AtomicLong();

    /** The bits of a double, 0 to 1. */
    private final AtomicLong busyShare = new AtomicLong();

    /** The bits of a double, 0 to 1, of the last window. */
    private final AtomicLong recentShare = new AtomicLong();

    /** The bits of a double: turns in a nanosecond, weighted as {@link #busyShare}. */
    private final AtomicLong turnRate = new AtomicLong();

    /** When the period began in which {@link #longest} counts. */
    private final AtomicLong periodBegan = new AtomicLong();

    private final AtomicLong longest = new AtomicLong();
    private final AtomicLong longestBefore = new AtomicLong();

    /** When the current or else the last turn began. */
    private final AtomicLong turnBegan = new AtomicLong();

    /** When the last window ended. */
    private final AtomicLong published = new AtomicLong();

    // Loop only.
    private long windowStart;
    private long waited;
    private int turns;
    private boolean hasTurned;

    LoopMeter(long nowNanos) {
        windowStart = nowNanos;
        published.setPlain(nowNanos);
        turnBegan.setPlain(nowNanos);
        periodBegan.setPlain(nowNanos);
    }

    void accepted() {
        add(accepted, 1);
    }

    void opened() {
        add(opened, 1);
    }

    /** A connection came from another loop. */
    void arrived() {
        add(arrived, 1);
    }

    /** A connection went to another loop. */
    void departed() {
        add(departed, 1);
    }

    /** Accepted, and closed before its session could be opened. */
    void turnedAway(CloseReason reason) {
        opened();
        closed(reason);
    }

    void closed(CloseReason reason) {
        int index = reason.ordinal();
        closed.setRelease(index, closed.getPlain(index) + 1);
    }

    void read(long bytes) {
        add(bytesRead, bytes);
    }

    void wrote(long bytes) {
        add(bytesWritten, bytes);
    }

    private static void add(AtomicLong counter, long count) {
        counter.setRelease(counter.getPlain() + count);
    }

    void waits(long nowNanos) {
        turnEnded(nowNanos);
        waitingSince.setRelease(nowNanos == 0 ? 1 : nowNanos);
    }

    /** A turn begins to work; the last one is over, if no wait has been between them. */
    void turnBegins(long nowNanos) {
        if (waitingSince.getPlain() == 0) {
            turnEnded(nowNanos);
        }
        turnBegan.setRelease(nowNanos);
        turns++;
        hasTurned = true;
    }

    private void turnEnded(long nowNanos) {
        long nanos = nowNanos - turnBegan.getPlain();
        if (nanos > longest.getPlain() && hasTurned) {
            longest.setRelease(nanos);
        }
    }

    long turnBegan() {
        return turnBegan.getAcquire();
    }

    boolean isWaiting() {
        return waitingSince.getAcquire() != 0;
    }

    void works(long nowNanos) {
        waited += nowNanos - waitingSince.getPlain();
        waitingSince.setRelease(0);
    }

    /**
     * Ends a turn.
     *
     * @return whether this ended a window too
     */
    boolean publish(long nowNanos) {
        long window = nowNanos - windowStart;
        if (window >= WINDOW_NANOS) {
            double busy = Math.max(0, 1 - (double) waited / window);
            double past = Math.exp(-window / MEMORY_NANOS);
            double share = past * Double.longBitsToDouble(busyShare.getPlain()) + (1 - past) * busy;
            busyShare.setRelease(Double.doubleToRawLongBits(share));
            recentShare.setRelease(Double.doubleToRawLongBits(busy));
            double rate = past * Double.longBitsToDouble(turnRate.getPlain()) + (1 - past) * turns / window;
            turnRate.setRelease(Double.doubleToRawLongBits(rate));
            published.setRelease(nowNanos);
            windowStart = nowNanos;
            waited = 0;
            turns = 0;
            endPeriod(nowNanos);
            return true;
        }
        return false;
    }

    private void endPeriod(long nowNanos) {
        long age = nowNanos - periodBegan.getPlain();
        if (age >= PERIOD_NANOS) {
            longestBefore.setRelease(age < 2 * PERIOD_NANOS ? longest.getPlain() : 0);
            longest.setRelease(0);
            periodBegan.setRelease(nowNanos);
        }
    }

    /** As the busy share, over the last tenth of a second only; 1 for a loop that hangs in a turn. */
    double recentShare(long nowNanos) {
        long since = waitingSince.getAcquire();
        if (since != 0) {
            return nowNanos - since >= WINDOW_NANOS ? 0 : Double.longBitsToDouble(recentShare.getAcquire());
        }
        boolean hangs = nowNanos - published.getAcquire() > 2 * WINDOW_NANOS;
        return hangs ? 1 : Double.longBitsToDouble(recentShare.getAcquire());
    }

    ServerStats.Loop snapshot(int number, int expected, int mailboxDepth, long nowNanos) {
        double share = Double.longBitsToDouble(busyShare.getAcquire());
        double rate = Double.longBitsToDouble(turnRate.getAcquire());
        Duration meanTurn = rate == 0 ? Duration.ZERO : Duration.ofNanos((long) (share / rate));
        long since = waitingSince.getAcquire();
        if (since != 0) {
            share *= Math.exp(-Math.max(0, nowNanos - since) / MEMORY_NANOS);
        }
        return new ServerStats.Loop(
                number,
                connections() + expected,
                share,
                meanTurn,
                Duration.ofNanos(longestTurn(since == 0, nowNanos)),
                mailboxDepth,
                bytesRead.getAcquire(),
                bytesWritten.getAcquire(),
                arrived.getAcquire(),
                departed.getAcquire());
    }

    private long longestTurn(boolean isWorking, long nowNanos) {
        long age = nowNanos - periodBegan.getAcquire();
        long nanos = 0;
        if (age < PERIOD_NANOS) {
            nanos = Math.max(longest.getAcquire(), longestBefore.getAcquire());
        } else if (age < 2 * PERIOD_NANOS) {
            nanos = longest.getAcquire(); // the loop has slept since, and begins no period
        }
        return isWorking ? Math.max(nanos, nowNanos - turnBegan()) : nanos;
    }

    int connections() {
        // First, or one that opens and closes in between would count as less than none.
        long gone = closedCount() + departed.getAcquire();
        return (int) (opened.getAcquire() + arrived.getAcquire() - gone);
    }

    private long closedCount() {
        long sum = 0;
        for (int i = 0; i < REASONS.length; i++) {
            sum += closed.getAcquire(i);
        }
        return sum;
    }

    /** The sum of the counts of all loops, whose snapshots are those. */
    static ServerStats sum(List<LoopMeter> meters, List<ServerStats.Loop> loops) {
        long accepted = 0;
        long open = 0;
        long bytesRead = 0;
        long bytesWritten = 0;
        Map<CloseReason, Long> closed = new EnumMap<>(CloseReason.class);
        for (LoopMeter meter : meters) {
            open += meter.connections();
            accepted += meter.accepted.getAcquire();
            bytesRead += meter.bytesRead.getAcquire();
            bytesWritten += meter.bytesWritten.getAcquire();
            for (CloseReason reason : REASONS) {
                long count = meter.closed.getAcquire(reason.ordinal());
                if (count > 0) {
                    closed.merge(reason, count, Long::sum);
                }
            }
        }
        return new ServerStats(accepted, open, closed, bytesRead, bytesWritten, loops);
    }
}
