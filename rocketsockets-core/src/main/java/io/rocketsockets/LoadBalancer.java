package io.rocketsockets;

import java.net.SocketAddress;
import java.util.List;

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
        return new Balancers.RoundRobin();
    }

    /** The loop that owns the fewest connections; for connections of different ages and equal work. */
    static LoadBalancer leastConnections() {
        return Balancers.LEAST_CONNECTIONS;
    }

    /** The loop that has been working least over the last second; for connections of very different work. */
    static LoadBalancer leastBusy() {
        return Balancers.LEAST_BUSY;
    }

    /** The same loop for all connections from one address; for state that is kept by peer and loop. Peers of Unix sockets
     * have none: the loop with the fewest connections. */
    static LoadBalancer byRemoteAddress() {
        return Balancers.BY_REMOTE_ADDRESS;
    }
}
