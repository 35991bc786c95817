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
        PROXY_UNTRUSTED
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
