package io.rocketsockets.benchmarks.servers;

import java.nio.ByteBuffer;

/** What a server answers to the bytes of one read. */
public enum Reply {
    /** The bytes themselves. */
    ECHO,

    /** The bytes themselves, over TLS. */
    SECURE_ECHO,

    /** The bytes themselves, once some 50 µs of computing for each message of {@link #MESSAGE_BYTES} are over; on two loops. */
    BUSY_ECHO,

    /** {@link #PIECES} writes of {@link #PIECE_BYTES} bytes each, handed to the server one by one. */
    SMALL_WRITES;

    /** Bytes of a message that is computed for. */
    public static final int MESSAGE_BYTES = 64;

    private static final int ROUNDS = 25_000;

    /** Written so that nothing is optimised away. */
    private static volatile long computed;

    /** How many event loops the server has. */
    int loops() {
        return this == BUSY_ECHO ? 2 : 1;
    }

    /** What an application would do for so many bytes: the same work for every server, by count and not by the clock. */
    void compute(int bytes) {
        if (this == BUSY_ECHO) {
            long value = bytes;
            for (int i = bytes / MESSAGE_BYTES * ROUNDS; i > 0; i--) { // G. Marsaglia, "Xorshift RNGs", 2003
                value ^= value << 13;
                value ^= value >>> 7;
                value ^= value << 17;
            }
            computed = value;
        }
    }

    /** Writes per received batch. */
    public static final int PIECES = 16;

    /** Bytes of one such write. */
    public static final int PIECE_BYTES = 32;

    /** One write's bytes, to be duplicated: zeros, since the load generator counts them only. */
    static final ByteBuffer PIECE = ByteBuffer.allocateDirect(PIECE_BYTES).asReadOnlyBuffer();
}
