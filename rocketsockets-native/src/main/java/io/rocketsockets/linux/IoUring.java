package io.rocketsockets.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The three calls of io_uring, and the names and numbers of {@code linux/io_uring.h} that the engine needs. */
public final class IoUring {
    // Flags of io_uring_params.flags.
    public static final int SETUP_CQSIZE = 1 << 3;
    public static final int SETUP_CLAMP = 1 << 4;
    public static final int SETUP_R_DISABLED = 1 << 6;
    public static final int SETUP_SUBMIT_ALL = 1 << 7;
    public static final int SETUP_SINGLE_ISSUER = 1 << 12;
    public static final int SETUP_DEFER_TASKRUN = 1 << 13;
    public static final int SETUP_NO_SQARRAY = 1 << 16;

    /** {@code sizeof(struct io_uring_params)}. */
    public static final int PARAMS_BYTES = 120;

    // Offsets for mmap.
    public static final long OFF_RINGS = 0;
    public static final long OFF_SQES = 0x10000000L;

    public static final int ENTER_GETEVENTS = 1;
    public static final int ENTER_EXT_ARG = 1 << 3;

    public static final int SQ_CQ_OVERFLOW = 1 << 1;

    public static final int REGISTER_PROBE = 8;
    public static final int REGISTER_ENABLE_RINGS = 12;
    public static final int REGISTER_FILES2 = 13;
    public static final int REGISTER_PBUF_RING = 22;
    public static final int RSRC_REGISTER_SPARSE = 1;
    public static final int PBUF_RING_INC = 2;

    /** A table of direct descriptors has no more. */
    public static final int MOST_FIXED_FILES = 1 << 20;

    public static final int FILE_INDEX_ALLOC = -1;

    // Operations.
    public static final int OP_POLL_ADD = 6;
    public static final int OP_ACCEPT = 13;
    public static final int OP_ASYNC_CANCEL = 14;
    public static final int OP_CLOSE = 19;
    public static final int OP_FILES_UPDATE = 20;
    public static final int OP_READ = 22;
    public static final int OP_SEND = 26;
    public static final int OP_RECV = 27;
    public static final int OP_URING_CMD = 46;
    public static final int OP_FIXED_FD_INSTALL = 54;

    /** In OP_URING_CMD, for a socket. */
    public static final int SOCKET_URING_OP_SETSOCKOPT = 3;

    // Flags of a submission.
    public static final int SQE_FIXED_FILE = 1;
    public static final int SQE_BUFFER_SELECT = 1 << 5;
    public static final int SQE_CQE_SKIP_SUCCESS = 1 << 6;

    /** OP_RECV's, in ioprio. */
    public static final int RECV_MULTISHOT = 1 << 1;

    /** OP_ACCEPT's, in ioprio. */
    public static final int ACCEPT_DONTWAIT = 1 << 1;

    // OP_ASYNC_CANCEL's.
    public static final int CANCEL_ALL = 1;
    public static final int CANCEL_FD = 1 << 1;
    public static final int CANCEL_ANY = 1 << 2;

    // Flags of a completion.
    public static final int CQE_F_BUFFER = 1;
    public static final int CQE_F_MORE = 1 << 1;
    public static final int CQE_F_BUF_MORE = 1 << 4;
    public static final int CQE_BUFFER_SHIFT = 16;

    // The same numbers on every architecture since they are younger than the common table.
    private static final long SYS_SETUP = 425;
    private static final long SYS_ENTER = 426;
    private static final long SYS_REGISTER = 427;

    private static final Path FORBIDDEN = Path.of("/proc/sys/kernel/io_uring_disabled");

    private IoUring() {}

    /**
     * @param params {@code struct io_uring_params}; the kernel adds what it has made
     * @return a descriptor
     */
    public static int setup(Libc libc, int entries, MemorySegment params) {
        return (int) libc.syscall(SYS_SETUP, entries, params.address(), 0, 0, 0, 0);
    }

    /**
     * @param argument address of a {@code struct io_uring_getevents_arg} with {@link #ENTER_EXT_ARG}
     * @return how many submissions were taken
     */
    public static int enter(
            Libc libc, int ring, int toSubmit, int minComplete, int flags, long argument, int argumentBytes) {
        return (int) libc.syscall(SYS_ENTER, ring, toSubmit, minComplete, flags, argument, argumentBytes);
    }

    public static int register(Libc libc, int ring, int operation, MemorySegment argument, int count) {
        return (int) libc.syscall(SYS_REGISTER, ring, operation, argument.address(), count, 0, 0);
    }

    /** Why this kernel has no io_uring that is good enough, with the remedy; empty when it has. */
    static Optional<String> unavailable(Libc libc) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(PARAMS_BYTES, 8);
            params.set(JAVA_INT, 8, SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_R_DISABLED);
            int ring = setup(libc, 1, params);
            if (ring < 0) {
                return Optional.of(refusal(-ring));
            }
            try {
                int newest = newestOperation(libc, ring, arena);
                return newest >= OP_FIXED_FD_INSTALL
                        ? Optional.empty()
                        : Optional.of("needs Linux 6.8: this is " + System.getProperty("os.version")
                                + ", whose newest operation is " + newest + "; use engine epoll");
            } finally {
                libc.close(ring);
            }
        }
    }

    private static int newestOperation(Libc libc, int ring, Arena arena) {
        MemorySegment probe = arena.allocate(16, 8); // struct io_uring_probe without any io_uring_probe_op
        int result = register(libc, ring, REGISTER_PROBE, probe, 0);
        return result < 0 ? -1 : Byte.toUnsignedInt(probe.get(JAVA_BYTE, 0));
    }

    private static String refusal(int errno) {
        String kernel = " on Linux " + System.getProperty("os.version");
        return switch (errno) {
            case Errno.EPERM ->
                "is forbidden here: io_uring_setup: EPERM" + kernel + " with kernel.io_uring_disabled=" + forbidden()
                        + "; set that to 0, allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile"
                        + " of the container, or use engine epoll";
            case Errno.ENOSYS ->
                "is not here: io_uring_setup: ENOSYS" + kernel + ", or a seccomp filter hides it; allow io_uring_setup,"
                        + " io_uring_enter and io_uring_register in the seccomp profile of the container, or use engine epoll";
            case Errno.EINVAL -> "needs Linux 6.8: io_uring_setup: EINVAL" + kernel + "; use engine epoll";
            default ->
                "is refused: io_uring_setup: " + Libc.strerror(errno) + " (errno=" + errno + ")" + kernel
                        + "; raise the limit that this names, or use engine epoll";
        };
    }

    /** 0 is allowed, 1 is for a group only, 2 is forbidden; older kernels do not say. */
    private static String forbidden() {
        try {
            return Files.exists(FORBIDDEN) ? Files.readString(FORBIDDEN).strip() : "unknown";
        } catch (IOException unreadable) {
            throw new UncheckedIOException("cannot read " + FORBIDDEN, unreadable);
        }
    }
}
