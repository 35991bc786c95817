package io.rocketsockets.benchmarks.servers;

import java.nio.ByteBuffer;

/** What a server answers to the bytes of one read. */
public enum Reply {
    /** The bytes themselves. */
    ECHO,

    /** {@link #PIECES} writes of {@link #PIECE_BYTES} bytes each, handed to the server one by one. */
    SMALL_WRITES;

    /** Writes per received batch. */
    public static final int PIECES = 16;

    /** Bytes of one such write. */
    public static final int PIECE_BYTES = 32;

    /** One write's bytes, to be duplicated: zeros, since the load generator counts them only. */
    static final ByteBuffer PIECE = ByteBuffer.allocateDirect(PIECE_BYTES).asReadOnlyBuffer();
}
