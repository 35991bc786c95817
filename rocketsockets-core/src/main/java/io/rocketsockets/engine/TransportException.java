package io.rocketsockets.engine;

import java.io.IOException;
import java.io.Serial;

/** A connection is broken; the kind tells what the kernel said. */
public final class TransportException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    /** What the kernel said. */
    public enum Kind {
        /** The peer reset the connection or is gone: ECONNRESET, EPIPE. */
        RESET,
        /** The kernel gave the peer up: ETIMEDOUT, EHOSTUNREACH, ENETUNREACH. */
        UNREACHABLE,
        /** Anything else. */
        OTHER
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
