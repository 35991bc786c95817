package io.rocketsockets;

import java.net.SocketAddress;
import java.util.List;
import java.util.stream.Stream;

/**
 * What {@link SocketServer#stop} did to the sockets that were open.
 *
 * @param drained sockets that got everything queued for them, then FIN
 * @param forced sockets that ended before that: cut off when the grace ended, or reset by their peer
 * @param bytesNotSent bytes given to {@code write} that the kernel had not taken from those
 * @param cutOff which sockets were forced; the first {@link #MOST_NAMED} of them
 */
public record ShutdownReport(int drained, int forced, long bytesNotSent, List<CutOff> cutOff) {
    /** Names beyond this help nobody. */
    public static final int MOST_NAMED = 100;

    /** The report of a server that was stopped already. */
    public static final ShutdownReport EMPTY = new ShutdownReport(0, 0, 0, List.of());

    /** The part of a socket that was drained. */
    static final ShutdownReport DRAINED = new ShutdownReport(1, 0, 0, List.of());

    public ShutdownReport {
        cutOff = List.copyOf(cutOff);
    }

    /**
     * One socket that was forced.
     *
     * @param bytesNotSent bytes given to {@code write} that the kernel had not taken
     */
    public record CutOff(String socketId, String endpoint, SocketAddress remoteAddress, long bytesNotSent) {}

    /** The part of a socket that was cut off. */
    static ShutdownReport forced(SocketHandle socket, long bytesNotSent) {
        CutOff cut = new CutOff(socket.id(), socket.endpoint(), socket.remoteAddress(), bytesNotSent);
        return new ShutdownReport(0, 1, bytesNotSent, List.of(cut));
    }

    ShutdownReport plus(ShutdownReport other) {
        return new ShutdownReport(
                drained + other.drained,
                forced + other.forced,
                bytesNotSent + other.bytesNotSent,
                other.cutOff.isEmpty() || cutOff.size() >= MOST_NAMED
                        ? cutOff
                        : Stream.concat(cutOff.stream(), other.cutOff.stream())
                                .limit(MOST_NAMED)
                                .toList());
    }
}
