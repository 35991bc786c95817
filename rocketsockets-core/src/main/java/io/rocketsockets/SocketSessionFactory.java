package io.rocketsockets;

/** Makes the {@link SocketSession} of each accepted connection; called on the event loop that owns the socket. */
@FunctionalInterface
public interface SocketSessionFactory {
    /**
     * Nothing is delivered before the session asks for it with {@link SocketHandle#read()} or {@link
     * SocketHandle#startReading()}. What this throws closes the socket with {@link CloseReason#HANDLER_FAILED}.
     */
    SocketSession open(SocketHandle socket);
}
