package io.rocketsockets;

import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Hears what happens in a server, for those who watch it; given to {@link ServerConfigurator#listener}. Everything does
 * nothing by default. What happens with each byte is not told, it is counted: {@link SocketServer#stats()}, {@link WireTap}.
 *
 * <p><b>Order:</b>
 *
 * <ul>
 *   <li>{@link #onStarted}
 *   <li>for each socket {@link #onOpened}, any of the events between, {@link #onClosed}, each on the loop that owns it;
 *       or else {@link #onRefused}, on the loop that accepts
 *   <li>{@link #onStopped}
 * </ul>
 *
 * <p><b>Threading:</b> the loops of one server call at the same time, and wait for the answer: be fast, and never block.
 * <p><b>Failure:</b> what is thrown is logged, ten lines a second at most, and changes nothing else.
 */
public interface ServerListener {
    /** The server runs, and is about to accept; on the thread that starts it. */
    default void onStarted(SocketServer server) {}

    /** The server has ended its run; on the thread that stops it. */
    default void onStopped(SocketServer server) {}

    /** A connection was accepted; its session comes next. */
    default void onOpened(SocketHandle socket) {}

    /**
     * A socket has closed, and its close action has run.
     *
     * @param bytesRead in all, from the kernel
     * @param bytesWritten in all, that the kernel took
     */
    default void onClosed(SocketHandle socket, CloseReason reason, long bytesRead, long bytesWritten) {}

    /** A connection was accepted and turned away before it had a session: a limit, or the server stops. */
    default void onRefused(String endpoint, SocketAddress remoteAddress, CloseReason reason) {}

    /** The peer does not take what is written to it: the socket is not read until it does. */
    default void onBackPressureBegins(SocketHandle socket) {}

    /** The socket is read again, or has closed. */
    default void onBackPressureEnds(SocketHandle socket) {}

    /** A socket has moved from one event loop to another, on which this is called. */
    default void onMoved(SocketHandle socket, int fromLoop, int toLoop) {}

    /**
     * A callback has held up its event loop for longer than {@link ServerConfigurator#stallLimit}; once for each time, on the
     * thread that looks for it.
     *
     * @param socket whose callback it is, null when it is none
     * @param soFar since the loop's turn began
     */
    default void onStalled(int loop, @Nullable SocketHandle socket, Duration soFar) {}
}
