package io.rocketsockets.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.IoUring;
import io.rocketsockets.linux.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The two queues that we share with the kernel: submissions, which it takes, and completions, which it adds.
 *
 * <p><b>Threading:</b> confined to the thread that called {@link #enable}, as the kernel demands
 * ({@code IORING_SETUP_SINGLE_ISSUER}); only {@link #close} is for any. After it every method throws {@link
 * IllegalStateException}: the queues are unmapped, and the arena that they are in knows.
 */
final class Ring {
    /** {@code mmap}'s PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE. */
    private static final int READ_WRITE = 3;

    private static final int SHARED = 0x8001;

    static final int SUBMISSION_BYTES = 64;
    private static final int COMPLETION_BYTES = 16;

    private static final VarHandle INT = JAVA_INT.varHandle();

    // Where struct io_uring_params says what the kernel has made: sq_off at 40, cq_off at 80.
    private static final int ENTRIES = 0;
    private static final int COMPLETIONS = 4;
    private static final int SQ_HEAD = 40;
    private static final int SQ_TAIL = 44;
    private static final int SQ_FLAGS = 56;
    private static final int CQ_HEAD = 80;
    private static final int CQ_TAIL = 84;
    private static final int CQ_CQES = 100;

    private final Libc libc = new Libc();
    private final int descriptor;

    /** Of the mapped memory; closed from any thread, which no access survives. */
    private final Arena mapped = Arena.ofShared();

    private final MemorySegment rings;
    private final MemorySegment submissions;
    private final long sqHead;
    private final long sqTail;
    private final long sqFlags;
    private final long cqHead;
    private final long cqTail;
    private final long cqes;
    private final int submissionMask;
    private final int completionMask;

    /** {@code struct io_uring_getevents_arg}, then the {@code struct __kernel_timespec} that it points to. */
    private final MemorySegment wait = Arena.ofAuto().allocate(24 + 16, 8);

    private int tail;
    private int submitted;
    private int seen;

    /** @throws IOException when the kernel refuses; nothing is left open */
    Ring(int submissionEntries, int completionEntries) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(IoUring.PARAMS_BYTES, 8);
            params.set(JAVA_INT, COMPLETIONS, completionEntries);
            params.set(
                    JAVA_INT,
                    8,
                    IoUring.SETUP_SINGLE_ISSUER
                            | IoUring.SETUP_DEFER_TASKRUN
                            | IoUring.SETUP_R_DISABLED
                            | IoUring.SETUP_SUBMIT_ALL
                            | IoUring.SETUP_NO_SQARRAY
                            | IoUring.SETUP_CQSIZE
                            | IoUring.SETUP_CLAMP);
            descriptor = IoUring.setup(libc, submissionEntries, params);
            if (descriptor < 0) {
                throw Errno.exception("cannot open a ring: submissions=" + submissionEntries, descriptor);
            }
            int entries = params.get(JAVA_INT, ENTRIES);
            int completions = params.get(JAVA_INT, COMPLETIONS);
            submissionMask = entries - 1;
            completionMask = completions - 1;
            sqHead = params.get(JAVA_INT, SQ_HEAD);
            sqTail = params.get(JAVA_INT, SQ_TAIL);
            sqFlags = params.get(JAVA_INT, SQ_FLAGS);
            cqHead = params.get(JAVA_INT, CQ_HEAD);
            cqTail = params.get(JAVA_INT, CQ_TAIL);
            cqes = params.get(JAVA_INT, CQ_CQES);
            try {
                rings = map(cqes + (long) completions * COMPLETION_BYTES, IoUring.OFF_RINGS);
                submissions = map((long) entries * SUBMISSION_BYTES, IoUring.OFF_SQES);
            } catch (IOException refused) {
                close();
                throw refused;
            }
            wait.set(JAVA_LONG, 16, wait.address() + 24);
        }
    }

    @SuppressWarnings("restricted")
    private MemorySegment map(long bytes, long offset) throws IOException {
        MemorySegment segment = libc.mmap(bytes, READ_WRITE, SHARED, descriptor, offset);
        if (segment.equals(MemorySegment.NULL)) {
            throw Errno.exception("cannot map the queues of a ring: bytes=" + bytes, -libc.errno());
        }
        return segment.reinterpret(bytes, mapped, unused -> new Libc().munmap(segment));
    }

    /** @return what the kernel says; below 0 it is {@code -errno} */
    int register(int operation, MemorySegment argument, int count) {
        return IoUring.register(libc, descriptor, operation, argument, count);
    }

    /** From now on the ring belongs to this thread. */
    void enable() throws IOException {
        int result = register(IoUring.REGISTER_ENABLE_RINGS, MemorySegment.NULL, 0);
        if (result < 0) {
            throw Errno.exception("cannot enable a ring", result);
        }
    }

    /** Submissions that are queued and not yet taken. */
    int queued() {
        return tail - submitted;
    }

    boolean isFull() {
        return tail - submitted > submissionMask;
    }

    /**
     * Queues {@code struct io_uring_sqe}; there must be room. The parameters are its fields in their order, where those that
     * share eight bytes share a parameter.
     *
     * @param head opcode, flags, ioprio and fd: see {@link #head}
     * @param off off, addr2 or cmd_op
     * @param address addr, or level and optname
     * @param length len in the lower, the operation's flags in the upper half
     * @param index buf_group in the lowest quarter, file_index or optlen in the upper half
     * @param last addr3 or optval
     */
    void submit(long head, long off, long address, long length, long userData, long index, long last) {
        long at = (long) (tail & submissionMask) * SUBMISSION_BYTES;
        submissions.set(JAVA_LONG, at, head);
        submissions.set(JAVA_LONG, at + 8, off);
        submissions.set(JAVA_LONG, at + 16, address);
        submissions.set(JAVA_LONG, at + 24, length);
        submissions.set(JAVA_LONG, at + 32, userData);
        submissions.set(JAVA_LONG, at + 40, index);
        submissions.set(JAVA_LONG, at + 48, last);
        submissions.set(JAVA_LONG, at + 56, 0);
        tail++;
    }

    static long head(int operation, int flags, int ioprio, int fd) {
        return operation | (long) flags << 8 | (long) ioprio << 16 | (long) fd << 32;
    }

    /** The two halves of eight bytes. */
    static long pair(int low, int high) {
        return low & 0xFFFFFFFFL | (long) high << 32;
    }

    /**
     * Gives the kernel what is queued and waits.
     *
     * @param completions to wait for; 0 does not wait, and does not look for what others have completed unless {@code
     *     collects}
     * @param timeoutNanos negative for no limit
     * @return 0, or {@code -errno} of a passing trouble: ETIME, EINTR, EBUSY, EAGAIN
     */
    int enter(int completions, boolean collects, long timeoutNanos) {
        INT.setRelease(rings, sqTail, tail);
        int flags = collects ? IoUring.ENTER_GETEVENTS : 0;
        long argument = 0;
        int argumentBytes = 0;
        if (completions > 0 && timeoutNanos >= 0) {
            flags |= IoUring.ENTER_EXT_ARG;
            wait.set(JAVA_LONG, 24, timeoutNanos / 1_000_000_000);
            wait.set(JAVA_LONG, 32, timeoutNanos % 1_000_000_000);
            argument = wait.address();
            argumentBytes = 24;
        }
        int result = IoUring.enter(libc, descriptor, tail - submitted, completions, flags, argument, argumentBytes);
        submitted = (int) INT.getAcquire(rings, sqHead);
        return Math.min(result, 0);
    }

    /** The kernel keeps completions for which the queue had no room; {@link #enter} that collects fetches them. */
    boolean hasOverflowed() {
        return ((int) INT.getAcquire(rings, sqFlags) & IoUring.SQ_CQ_OVERFLOW) != 0;
    }

    /** Completions that can be read. */
    int completed() {
        return (int) INT.getAcquire(rings, cqTail) - seen;
    }

    // The next completion, until it is passed by.

    long userData() {
        return rings.get(JAVA_LONG, next());
    }

    int result() {
        return rings.get(JAVA_INT, next() + 8);
    }

    int flags() {
        return rings.get(JAVA_INT, next() + 12);
    }

    private long next() {
        return cqes + (long) (seen & completionMask) * COMPLETION_BYTES;
    }

    void pass() {
        seen++;
    }

    /** The kernel may use the room of what was passed by. */
    void release() {
        INT.setRelease(rings, cqHead, seen);
    }

    /** The kernel cancels what is under way, without waiting for it, and closes every direct descriptor. Once; any thread. */
    void close() {
        mapped.close();
        new Libc().close(descriptor);
    }
}
