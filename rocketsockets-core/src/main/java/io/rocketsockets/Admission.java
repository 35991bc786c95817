package io.rocketsockets;

import io.rocketsockets.ConnectionLimits.Surplus;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Who is let in: the one place that knows the {@link ConnectionLimits} of a run and counts against them.
 *
 * <p><b>Threading:</b> any thread; acceptors of several loops share it.
 */
final class Admission {
    /** What may come at once counts as an interval of that length. */
    private static final long BURST_NANOS = 100_000_000;

    /** Replaced by {@link #reload}. */
    private volatile ConnectionLimits limits;

    private final Gauge all;
    private final Map<String, Gauge> ofEndpoints = new HashMap<>();
    private final ConcurrentHashMap<InetAddress, Integer> ofAddresses = new ConcurrentHashMap<>();

    /**
     * When the next connection would come if they came evenly, the "theoretical arrival time" of the generic cell rate
     * algorithm (ITU-T I.371); 0 before the first.
     */
    private final AtomicLong nextArrival = new AtomicLong();

    /** Acceptors to be told when a connection has left. */
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();

    Admission(ServerConfiguration configuration) {
        limits = configuration.connectionLimits();
        all = new Gauge(limits.connections());
        configuration.endpoints().forEach(e -> ofEndpoints.put(e.name(), new Gauge(e.maxConnections())));
    }

    /** New limits, which those who wait try at once; connections beyond them stay. */
    void reload(ServerConfiguration configuration) {
        limits = configuration.connectionLimits();
        all.limit = limits.connections();
        configuration.endpoints().forEach(e -> {
            Gauge gauge = ofEndpoints.get(e.name());
            if (gauge != null) { // else the endpoint comes with the next start
                gauge.limit = e.maxConnections();
            }
        });
        retryAll();
    }

    /** A count that stays below a limit; kept without one too, since a limit may come. */
    private static final class Gauge {
        private volatile int limit;
        private final AtomicInteger count = new AtomicInteger();

        Gauge(int limit) {
            this.limit = limit;
        }

        boolean enter() {
            int most = limit;
            if (count.incrementAndGet() <= most || most == 0) {
                return true;
            }
            count.decrementAndGet();
            return false;
        }

        void leave() {
            count.decrementAndGet();
        }
    }

    /**
     * Counts the connection in and returns null, or tells the limit that it meets.
     *
     * @param peer null when whose connection it is is not known yet: {@link #enterFrom} follows
     */
    @Nullable
    CloseReason enter(String endpoint, @Nullable SocketAddress peer, long nowNanos) {
        if (!enterFrom(peer)) {
            return CloseReason.LIMIT_ADDRESS;
        }
        CloseReason refusal = CloseReason.LIMIT_CONNECTIONS;
        if (gauge(endpoint).enter()) {
            if (all.enter()) {
                if (nanosToNext(nowNanos, true) == 0) {
                    return null;
                }
                refusal = CloseReason.LIMIT_ACCEPT_RATE;
                all.leave();
            }
            gauge(endpoint).leave();
        }
        leaveFrom(peer);
        return refusal;
    }

    /**
     * The connection has closed, or was not placed after all: somebody who waits may try again.
     *
     * @param peer null when it was not counted for an address
     */
    void leave(String endpoint, @Nullable SocketAddress peer) {
        all.leave();
        gauge(endpoint).leave();
        leaveFrom(peer);
        retryAll();
    }

    private void retryAll() {
        for (Runnable next = waiting.poll(); next != null; next = waiting.poll()) {
            next.run();
        }
    }

    private Gauge gauge(String endpoint) {
        Gauge gauge = ofEndpoints.get(endpoint);
        if (gauge == null) {
            throw new IllegalArgumentException("no such endpoint: name=" + endpoint);
        }
        return gauge;
    }

    /** Counts the connection for its address; false when that has too many. */
    boolean enterFrom(@Nullable SocketAddress peer) {
        int most = limits.perAddress();
        if (most == 0 || !(peer instanceof InetSocketAddress inet)) {
            return true;
        }
        if (ofAddresses.merge(inet.getAddress(), 1, Integer::sum) <= most) {
            return true;
        }
        leaveFrom(peer);
        return false;
    }

    /** Whether or not there is a limit now: there may have been one when it came. */
    private void leaveFrom(@Nullable SocketAddress peer) {
        if (!ofAddresses.isEmpty() && peer instanceof InetSocketAddress inet) {
            ofAddresses.computeIfPresent(inet.getAddress(), (address, n) -> n == 1 ? null : n - 1);
        }
    }

    /** Runs the acceptor's retry once, on some thread, when a connection has left; the acceptor looks again after this. */
    void whenRoom(Runnable retry) {
        waiting.add(retry);
    }

    /** How long the accept rate makes the next connection wait; 0 if not at all. */
    long nanosToNext(long nowNanos) {
        return nanosToNext(nowNanos, false);
    }

    private long nanosToNext(long nowNanos, boolean take) {
        int rate = limits.acceptRate();
        if (rate == 0) {
            return 0;
        }
        while (true) {
            long planned = nextArrival.get();
            long arrival = planned == 0 || planned - nowNanos < 0 ? nowNanos : planned;
            long early = arrival - nowNanos - BURST_NANOS;
            if (early > 0 || !take || nextArrival.compareAndSet(planned, arrival + 1_000_000_000 / rate)) {
                return Math.max(0, early);
            }
        }
    }

    boolean refusesSurplus() {
        return limits.surplus() == Surplus.REFUSE;
    }
}
