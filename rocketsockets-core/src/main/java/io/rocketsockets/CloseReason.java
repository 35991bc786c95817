package io.rocketsockets;

/** Why a connection ended. A connection has one reason: the first cause wins. */
public enum CloseReason {
    /** The peer ended the stream with FIN: a clean end. */
    PEER_CLOSED,
    /** The peer reset the connection, or was gone when we wrote (RST, EPIPE). */
    PEER_RESET,
    /** The peer's stream ended without the {@code close_notify} of TLS: it may have been cut off. */
    PEER_TRUNCATED,
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
    /** The executor of {@link ServerConfigurator#blockingHandlers} refused to run a callback. */
    HANDLER_REFUSED,
    /** No secure connection came about: no TLS, no common protocol or cipher suite, a certificate that is refused. */
    TLS_HANDSHAKE_FAILED,
    /** What came after the handshake is not what was agreed on, such as a record that is forged or too long. */
    TLS_PROTOCOL_ERROR,
    /** Allowed by TLS and costly: renegotiation, a flood of records without data. */
    TLS_ABUSE,
    /** The TLS handshake was not done in time. */
    TIMEOUT_HANDSHAKE,
    /** Too many handshakes were in progress, and this one waited for its peer. */
    LIMIT_HANDSHAKES,
    /** Ended before it had a session: its PROXY header is missing, malformed, or too long. */
    PROXY_INVALID,
    /** Refused before it had a session: the peer may not send a PROXY header, and has to. */
    PROXY_UNTRUSTED,
    /** Ended before it had a session: the PROXY header did not come in time. */
    TIMEOUT_PROXY,
    /** The peer sent nothing after it had connected: {@link Timeouts#firstByte()}. */
    TIMEOUT_FIRST_BYTE,
    /** No byte moved while one was waited for: {@link Timeouts#idle()}. */
    TIMEOUT_IDLE,
    /** The peer sent nothing while a read was asked for: {@link Timeouts#read()}. */
    TIMEOUT_READ,
    /** The peer took nothing of what was queued for it: {@link Timeouts#write()}. */
    TIMEOUT_WRITE,
    /** The connection reached its age: {@link Timeouts#lifetime()}. */
    TIMEOUT_LIFETIME,
    /** The peer sent a message too slowly: {@link Timeouts#minReadRate()}. */
    LIMIT_READ_RATE,
    /** The peer took what was queued too slowly: {@link Timeouts#minWriteRate()}. */
    LIMIT_WRITE_RATE,
    /** A write without handlers met the limit of the write queue. */
    LIMIT_WRITE_QUEUE,
    /** Closed to keep what all sockets have queued within {@link ServerConfigurator#unsentBytesLimit}. */
    LIMIT_MEMORY,
    /** Refused before it had a session: as many connections as {@code maxConnections} were open. */
    LIMIT_CONNECTIONS,
    /** Refused before it had a session: its address had {@code maxConnectionsPerAddress} open. */
    LIMIT_ADDRESS,
    /** Refused before it had a session: {@code acceptRate} was reached. */
    LIMIT_ACCEPT_RATE,
    /** Any other failure of the system or of this library; logged with its cause. */
    ERROR
}
