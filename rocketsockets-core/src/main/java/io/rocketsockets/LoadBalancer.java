package io.rocketsockets;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Chooses the event loop of each new connection.
 *
 * <p><b>Threading:</b> called on the loop that accepts, and by several when there are several endpoints; must not block.
 * <p><b>Failure:</b> what throws, or names no loop, is logged, and the connection goes to the loop that accepted it.
 */
@FunctionalInterface
public interface LoadBalancer {
    /**
     * @param remoteAddress of the new connection
     * @param loops as they are now, in the order of their numbers; only what is looked at is computed
     * @return the number of a loop
     */
    int pick(SocketAddress remoteAddress, List<ServerStats.Loop> loops);

    /** Each loop in turn. */
    static LoadBalancer roundRobin() {
        AtomicInteger next = new AtomicInteger();
        return (remoteAddress, loops) -> Math.floorMod(next.getAndIncrement(), loops.size());
    }

    /** The loop that owns the fewest connections; for connections of different ages and equal work. */
    static LoadBalancer leastConnections() {
        return leastBy(Comparator.comparingInt(ServerStats.Loop::connections));
    }

    /** The loop that has been working least over the last second; for connections of very different work. */
    static LoadBalancer leastBusy() {
        return leastBy(Comparator.comparingDouble(ServerStats.Loop::busyShare)
                .thenComparingInt(ServerStats.Loop::connections));
    }

    private static LoadBalancer leastBy(Comparator<ServerStats.Loop> order) {
        return (remoteAddress, loops) ->
                loops.stream().min(order).map(ServerStats.Loop::number).orElseThrow();
    }

    /** The same loop for all connections from one address; for state that is kept by peer and loop. */
    static LoadBalancer byRemoteAddress() {
        return (remoteAddress, loops) -> {
            Object peer = remoteAddress instanceof InetSocketAddress inet ? inet.getAddress() : remoteAddress;
            int hash = peer.hashCode() * 0x9E3779B9; // spreads neighbours: Knuth, TAOCP 3, 6.4
            return Math.floorMod(hash ^ hash >>> 16, loops.size());
        };
    }
}
