package io.rocketsockets;

/**
 * What {@link SocketServer#stop} did to the sockets that were open.
 *
 * @param drained sockets that got everything queued for them, then FIN
 * @param forced sockets that ended before that: cut off when the grace ended, or reset by their peer
 * @param bytesNotSent bytes given to {@code write} that the kernel had not taken from those
 */
public record ShutdownReport(int drained, int forced, long bytesNotSent) {
    /** The report of a server that was stopped already. */
    public static final ShutdownReport EMPTY = new ShutdownReport(0, 0, 0);

    ShutdownReport plus(ShutdownReport other) {
        return new ShutdownReport(drained + other.drained, forced + other.forced, bytesNotSent + other.bytesNotSent);
    }
}
