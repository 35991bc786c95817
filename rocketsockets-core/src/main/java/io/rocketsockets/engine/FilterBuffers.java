package io.rocketsockets.engine;

import java.nio.ByteBuffer;

/**
 * Memory that the filters of one loop share; what is in it is good until the call that filled it returns. Each buffer grows to
 * what was once asked for: some 256 KiB with the default read buffer.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
public final class FilterBuffers {
    private static final int SMALLEST = 32 * 1024;

    /** On the heap, where ciphers work in place: the JDK copies others for them. */
    private ByteBuffer received = ByteBuffer.allocate(SMALLEST);

    /** Direct, as an engine's receive buffer is, so that a connection knows what it must not keep. */
    private ByteBuffer delivered = ByteBuffer.allocateDirect(SMALLEST);

    private ByteBuffer sent = ByteBuffer.allocate(SMALLEST);

    public FilterBuffers() {}

    /** For what comes from below; empty, with room for so many bytes. */
    public ByteBuffer received(int bytes) {
        if (received.capacity() < bytes) {
            received = ByteBuffer.allocate(bytes);
        }
        return received.clear();
    }

    /** For what goes to the one above; empty, with room for so many bytes. */
    public ByteBuffer delivered(int bytes) {
        if (delivered.capacity() < bytes) {
            delivered = ByteBuffer.allocateDirect(bytes);
        }
        return delivered.clear();
    }

    /** For what goes to the one below; empty, with room for so many bytes. */
    public ByteBuffer sent(int bytes) {
        if (sent.capacity() < bytes) {
            sent = ByteBuffer.allocate(bytes);
        }
        return sent.clear();
    }
}
