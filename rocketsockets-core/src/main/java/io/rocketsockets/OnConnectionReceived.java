package io.rocketsockets;

import org.jspecify.annotations.Nullable;

/**
 * Called once for every accepted connection; the first of the two callbacks that an application needs.
 *
 * <p><b>Order for one socket:</b>
 *
 * <ul>
 *   <li>{@code connected}, once
 *   <li>{@link OnBytesReceived#received received}, any number of times
 *   <li>the close action that {@code connected} returned, exactly once, after every other callback
 * </ul>
 *
 * <p><b>Threading:</b> always on the event loop that owns the socket, never two callbacks of one socket at a time, and
 * never from inside a call that the application made on the {@link SocketHandle}. The loop serves other sockets with the
 * same thread: a callback must not block.
 *
 * <p><b>Failure:</b> whatever is thrown closes this socket with {@link CloseReason#HANDLER_FAILED}, is logged with the
 * socket's id, and touches nothing else.
 */
@FunctionalInterface
public interface OnConnectionReceived {
    /**
     * Nothing is delivered before the application asks: call {@link SocketHandle#read()} or {@link
     * SocketHandle#startReading()} here, or later.
     *
     * @return what to run once this socket has closed; null for nothing
     */
    @Nullable
    Runnable connected(SocketHandle socket);
}
