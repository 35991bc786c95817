package io.rocketsockets;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A snapshot of a server's counts since its start. {@code accepted} is the sum of {@code open} and everything in {@code
 * closed} once the loops are at rest; while they work a connection may be between two of them.
 *
 * @param accepted connections accepted
 * @param open connections open now
 * @param closed connections closed, by reason; reasons that did not occur are absent
 * @param bytesRead bytes read from the kernel
 * @param bytesWritten bytes the kernel has taken
 * @param loops one entry for each event loop, in the order of their numbers
 */
public record ServerStats(
        long accepted, long open, Map<CloseReason, Long> closed, long bytesRead, long bytesWritten, List<Loop> loops) {

    static final ServerStats EMPTY = new ServerStats(0, 0, Map.of(), 0, 0, List.of());

    public ServerStats {
        closed = Map.copyOf(closed);
        loops = List.copyOf(loops);
    }

    /**
     * One event loop.
     *
     * @param number the number in its thread's name
     * @param connections sockets that it owns now
     * @param busyShare how much of its time it was working rather than waiting for the kernel, 0 to 1, over the last
     *     second or so (exponentially weighted)
     * @param meanTurn how long it works between two looks at the kernel, weighted likewise: what a ready socket waits
     *     behind the others
     * @param longestTurn the longest of the last 10 to 20 s, the current one included
     * @param mailboxDepth what waits for it of other threads: connections that come, and sockets that were called
     * @param bytesRead bytes read from the kernel
     * @param bytesWritten bytes the kernel has taken
     * @param movesIn connections that came from other loops
     * @param movesOut connections that went to other loops
     */
    public record Loop(
            int number,
            int connections,
            double busyShare,
            Duration meanTurn,
            Duration longestTurn,
            int mailboxDepth,
            long bytesRead,
            long bytesWritten,
            long movesIn,
            long movesOut) {
        /** A loop of which nothing else is known, as the test of a {@link LoadBalancer} wants it. */
        public Loop(int number, int connections, double busyShare) {
            this(number, connections, busyShare, Duration.ZERO, Duration.ZERO, 0, 0, 0, 0, 0);
        }
    }
}
