package io.rocketsockets.engine;

import java.io.IOException;
import java.io.Serial;

/** A connection is broken; the kind tells what the kernel, or a {@link Filter}, said. */
public final class TransportException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    /** What was said. */
    public enum Kind {
        /** The peer reset the connection or is gone: ECONNRESET, EPIPE. */
        RESET,
        /** The kernel gave the peer up: ETIMEDOUT, EHOSTUNREACH, ENETUNREACH. */
        UNREACHABLE,
        /** Anything else. */
        OTHER,
        /** Of a {@link Filter}: the header of a proxy is missing, malformed or too long. */
        PROXY_INVALID,
        /** Of a {@link Filter}: the peer is no proxy that may send a header. */
        PROXY_UNTRUSTED,
        /** Of a {@link Filter}: the stream ended without the end that its protocol asks for. */
        TRUNCATED,
        /** Of a {@link Filter}: there is no secure connection; the peer has been told and its output is not read any more. */
        TLS_HANDSHAKE_FAILED,
        /** Of a {@link Filter}: what came is not what the handshake had agreed on; the peer has been told. */
        TLS_PROTOCOL_ERROR,
        /** Of a {@link Filter}: allowed by the protocol and costly, such as renegotiation; the peer has been told. */
        TLS_ABUSE,
        /** Of a {@link Filter}: too many handshakes are in progress, and this one waits for its peer. */
        LIMIT_HANDSHAKES
    }

    private final Kind kind;

    public TransportException(Kind kind, IOException cause) {
        super(cause.getMessage(), cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
