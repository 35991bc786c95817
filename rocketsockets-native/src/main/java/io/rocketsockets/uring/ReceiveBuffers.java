package io.rocketsockets.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.IoUring;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/**
 * The memory that the kernel receives into, in a few large buffers of which it takes the next when bytes have come: a
 * connection that is silent has none. A buffer is used up piece by piece (Linux 6.12; before, each read takes one whole) and
 * goes back once all pieces have been delivered.
 *
 * <p><b>Memory:</b> the collector frees it, when the engine is gone that had handed it to the kernel.
 */
final class ReceiveBuffers {
    static final int GROUP = 0;

    /** {@code struct io_uring_buf}; the ring's tail is in what the first one does not use. */
    private static final int ENTRY_BYTES = 16;

    private static final int TAIL = 14;
    private static final int PAGE_BYTES = 4096;
    private static final VarHandle SHORT = JAVA_SHORT.varHandle();

    private final int count;
    private final int bytesEach;
    private final MemorySegment memory;
    private final MemorySegment ring;

    /** All of the memory; whoever delivers sets position and limit. */
    final ByteBuffer view;

    /** What the kernel has filled of each, of that how many pieces are not delivered yet, and whether it is done with it. */
    private final int[] filled;

    private final int[] lent;
    private final boolean[] isDone;

    private short tail;

    /** @param count a power of two */
    ReceiveBuffers(Ring ring, int count, int bytesEach) throws IOException {
        this.count = count;
        this.bytesEach = bytesEach;
        this.memory = Arena.ofAuto().allocate((long) count * bytesEach, PAGE_BYTES);
        this.ring = Arena.ofAuto().allocate((long) count * ENTRY_BYTES, PAGE_BYTES);
        this.view = memory.asByteBuffer();
        this.filled = new int[count];
        this.lent = new int[count];
        this.isDone = new boolean[count];
        register(ring);
        for (int buffer = 0; buffer < count; buffer++) {
            provide(buffer);
        }
    }

    private void register(Ring owner) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment registration = arena.allocate(40, 8); // struct io_uring_buf_reg
            registration.set(JAVA_LONG, 0, ring.address());
            registration.set(JAVA_INT, 8, count);
            registration.set(JAVA_SHORT, 12, (short) GROUP);
            registration.set(JAVA_SHORT, 14, (short) IoUring.PBUF_RING_INC);
            int result = owner.register(IoUring.REGISTER_PBUF_RING, registration, 1);
            if (result == -Errno.EINVAL) {
                registration.set(JAVA_SHORT, 14, (short) 0);
                result = owner.register(IoUring.REGISTER_PBUF_RING, registration, 1);
            }
            if (result < 0) {
                throw Errno.exception("cannot register receive buffers: count=" + count, result);
            }
        }
    }

    private void provide(int buffer) {
        filled[buffer] = 0;
        isDone[buffer] = false;
        long at = (long) (tail & count - 1) * ENTRY_BYTES;
        ring.set(JAVA_LONG, at, memory.address() + (long) buffer * bytesEach);
        ring.set(JAVA_INT, at + 8, bytesEach);
        ring.set(JAVA_SHORT, at + 12, (short) buffer);
        tail++;
        SHORT.setRelease(ring, (long) TAIL, tail);
    }

    /**
     * The kernel has filled the next piece of that buffer; told in the kernel's order.
     *
     * @return where in {@link #view} it begins; {@link #giveBack} follows
     */
    int take(int buffer, int bytes, boolean goesOn) {
        int offset = buffer * bytesEach + filled[buffer];
        filled[buffer] += bytes;
        lent[buffer]++;
        isDone[buffer] = !goesOn;
        return offset;
    }

    /** Whether a buffer ends there. */
    boolean isFull(int end) {
        return end % bytesEach == 0;
    }

    /** A piece has been delivered. */
    void giveBack(int buffer) {
        if (--lent[buffer] == 0 && isDone[buffer]) {
            provide(buffer);
        }
    }

    /** Pieces that are not delivered yet. */
    int lent() {
        int sum = 0;
        for (int each : lent) {
            sum += each;
        }
        return sum;
    }
}
