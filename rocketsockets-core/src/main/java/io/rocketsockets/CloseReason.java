package io.rocketsockets;

/** Why a connection ended. A connection has one reason: the first cause wins. */
public enum CloseReason {
    /** The peer ended the stream with FIN: a clean end. */
    PEER_CLOSED,
    /** The peer reset the connection, or was gone when we wrote (RST, EPIPE). */
    PEER_RESET,
    /** The kernel gave the peer up: timed out, host or network unreachable. */
    PEER_UNREACHABLE,
    /** The application called {@link SocketHandle#close()}. */
    CLOSED,
    /** The application called {@link SocketHandle#abort()}. */
    ABORTED,
    /** The server stopped and everything queued was delivered. */
    STOPPED,
    /** The server stopped and the grace ended before everything was delivered. */
    STOP_FORCED,
    /** A callback of the application threw. */
    HANDLER_FAILED,
    /** A write without handlers met the limit of the write queue. */
    LIMIT_WRITE_QUEUE,
    /** Any other failure of the system or of this library; logged with its cause. */
    ERROR
}
