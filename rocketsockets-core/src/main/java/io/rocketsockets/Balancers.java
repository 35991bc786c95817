package io.rocketsockets;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The load balancers that come with the server; equal when they are of one kind, since they are part of a configuration. */
final class Balancers {
    static final LoadBalancer LEAST_CONNECTIONS = leastBy(Comparator.comparingInt(ServerStats.Loop::connections));

    static final LoadBalancer LEAST_BUSY = leastBy(
            Comparator.comparingDouble(ServerStats.Loop::busyShare).thenComparingInt(ServerStats.Loop::connections));

    static final LoadBalancer BY_REMOTE_ADDRESS = Balancers::byRemoteAddress;

    private Balancers() {}

    private static LoadBalancer leastBy(Comparator<ServerStats.Loop> order) {
        return (remoteAddress, loops) ->
                loops.stream().min(order).map(ServerStats.Loop::number).orElseThrow();
    }

    private static int byRemoteAddress(SocketAddress remoteAddress, List<ServerStats.Loop> loops) {
        if (!(remoteAddress instanceof InetSocketAddress inet)) {
            return LEAST_CONNECTIONS.pick(
                    remoteAddress, loops); // of a Unix socket, where most peers have the same name: none
        }
        int hash = inet.getAddress().hashCode() * 0x9E3779B9; // spreads neighbours: Knuth, TAOCP 3, 6.4
        return Math.floorMod(hash ^ hash >>> 16, loops.size());
    }

    /** Each server has its own turn. */
    static final class RoundRobin implements LoadBalancer {
        private final AtomicInteger next = new AtomicInteger();

        @Override
        public int pick(SocketAddress remoteAddress, List<ServerStats.Loop> loops) {
            return Math.floorMod(next.getAndIncrement(), loops.size());
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof RoundRobin;
        }

        @Override
        public int hashCode() {
            return RoundRobin.class.hashCode();
        }
    }
}
