package io.rocketsockets.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * System calls, one method for each that the engines make, and the few functions of the C library that are none. Every result
 * below 0 is {@code -errno}, as the kernel itself says it; nothing here throws for it.
 *
 * <p>All go through the C library's {@code syscall}, by the kernel's numbers: the JDK generates classes for each form of a native
 * function, which took 160 ms of a start when each call was a function of a form of its own. It is also no point where a thread can be
 * cancelled, as the functions of these names are, which spares two locked instructions a call: 0.8 % of an echo of 64 bytes.
 *
 * <p><b>Threading:</b> an instance holds the memory that {@code errno} is read through, so one thread at a time uses it.
 * <p><b>Memory:</b> what an argument points to must stay allocated, and reachable, for the time of the call.
 */
public final class Libc {
    private static final Linker LINKER = Linker.nativeLinker();

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    /** With six arguments, as many as there can be. */
    private static final MethodHandle SYSCALL = link(
            "syscall",
            FunctionDescriptor.of(
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.captureCallState("errno"),
            Linker.Option.firstVariadicArg(1));

    private static final MethodHandle STRERROR = link("strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));

    // asm/unistd_64.h, and asm-generic/unistd.h for all others
    private static final boolean IS_X86 = System.getProperty("os.arch").equals("amd64");
    private static final long READ = IS_X86 ? 0 : 63;
    private static final long WRITE = IS_X86 ? 1 : 64;
    private static final long CLOSE = IS_X86 ? 3 : 57;
    private static final long MMAP = IS_X86 ? 9 : 222;
    private static final long MUNMAP = IS_X86 ? 11 : 215;
    private static final long SOCKET = IS_X86 ? 41 : 198;
    private static final long SENDTO = IS_X86 ? 44 : 206;
    private static final long RECVFROM = IS_X86 ? 45 : 207;
    private static final long SHUTDOWN = IS_X86 ? 48 : 210;
    private static final long BIND = IS_X86 ? 49 : 200;
    private static final long LISTEN = IS_X86 ? 50 : 201;
    private static final long GETSOCKNAME = IS_X86 ? 51 : 204;
    private static final long SETSOCKOPT = IS_X86 ? 54 : 208;
    private static final long GETSOCKOPT = IS_X86 ? 55 : 209;
    private static final long FCNTL = IS_X86 ? 72 : 25;
    private static final long EPOLL_CTL = IS_X86 ? 233 : 21;
    private static final long EPOLL_PWAIT = IS_X86 ? 281 : 22;
    private static final long ACCEPT4 = IS_X86 ? 288 : 242;
    private static final long EVENTFD2 = IS_X86 ? 290 : 19;
    private static final long EPOLL_CREATE1 = IS_X86 ? 291 : 20;
    private static final long DUP3 = IS_X86 ? 292 : 24;
    private static final long PRLIMIT64 = IS_X86 ? 302 : 261;

    // bits/resource.h
    private static final int RLIMIT_NOFILE = 7;

    private final MemorySegment callState = Arena.ofAuto().allocate(CALL_STATE);

    @SuppressWarnings("restricted")
    private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment function = LINKER.defaultLookup()
                .find(name)
                .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name));
        return LINKER.downcallHandle(function, descriptor, options);
    }

    /** @return a descriptor */
    public int socket(int domain, int type, int protocol) {
        return (int) syscall(SOCKET, domain, type, protocol, 0, 0, 0);
    }

    public int bind(int fd, MemorySegment address, int addressBytes) {
        return (int) syscall(BIND, fd, address.address(), addressBytes, 0, 0, 0);
    }

    public int listen(int fd, int backlog) {
        return (int) syscall(LISTEN, fd, backlog, 0, 0, 0, 0);
    }

    /** @return a descriptor */
    public int accept4(int fd, MemorySegment address, MemorySegment addressBytes, int flags) {
        return (int) syscall(ACCEPT4, fd, address.address(), addressBytes.address(), flags, 0, 0);
    }

    public int getsockname(int fd, MemorySegment address, MemorySegment addressBytes) {
        return (int) syscall(GETSOCKNAME, fd, address.address(), addressBytes.address(), 0, 0, 0);
    }

    public int setsockopt(int fd, int level, int option, MemorySegment value, int valueBytes) {
        return (int) syscall(SETSOCKOPT, fd, level, option, value.address(), valueBytes, 0);
    }

    public int getsockopt(int fd, int level, int option, MemorySegment value, MemorySegment valueBytes) {
        return (int) syscall(GETSOCKOPT, fd, level, option, value.address(), valueBytes.address(), 0);
    }

    public int shutdown(int fd, int how) {
        return (int) syscall(SHUTDOWN, fd, how, 0, 0, 0, 0);
    }

    public int close(int fd) {
        return (int) syscall(CLOSE, fd, 0, 0, 0, 0, 0);
    }

    /** Closes {@code to}, which is another number, and opens it again as another number of {@code from}, in one step. */
    public int dup2(int from, int to) {
        return (int) syscall(DUP3, from, to, 0, 0, 0, 0);
    }

    /** Of the commands that take a number. */
    public int fcntl(int fd, int command, int argument) {
        return (int) syscall(FCNTL, fd, command, argument, 0, 0, 0);
    }

    /** @return bytes read */
    public long read(int fd, MemorySegment bytes, long count) {
        return syscall(READ, fd, bytes.address(), count, 0, 0, 0);
    }

    /** @return bytes taken */
    public long write(int fd, MemorySegment bytes, long count) {
        return syscall(WRITE, fd, bytes.address(), count, 0, 0, 0);
    }

    // Called with each message, these two call the handle themselves: one method deeper the JIT compiler leaves some
    // of it out, 66 instructions a message.

    /** @return bytes read; 0 is the end */
    public long recv(int fd, long address, long count, int flags) {
        try {
            return result(
                    (long) SYSCALL.invokeExact(callState, RECVFROM, (long) fd, address, count, (long) flags, 0L, 0L));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes taken */
    public long send(int fd, long address, long count, int flags) {
        try {
            return result(
                    (long) SYSCALL.invokeExact(callState, SENDTO, (long) fd, address, count, (long) flags, 0L, 0L));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return a descriptor */
    public int epollCreate1(int flags) {
        return (int) syscall(EPOLL_CREATE1, flags, 0, 0, 0, 0, 0);
    }

    public int epollCtl(int epfd, int operation, int fd, MemorySegment event) {
        return (int) syscall(EPOLL_CTL, epfd, operation, fd, event.address(), 0, 0);
    }

    /** @return events found */
    public int epollWait(int epfd, long events, int count, int timeoutMillis) {
        return (int) syscall(EPOLL_PWAIT, epfd, events, count, timeoutMillis, 0, 0);
    }

    /** @return a descriptor */
    public int eventfd(int initial, int flags) {
        return (int) syscall(EVENTFD2, initial, flags, 0, 0, 0, 0);
    }

    /** The soft limit on open files. */
    public long mostOpenFiles() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = arena.allocate(16, 8); // struct rlimit
            syscall(PRLIMIT64, 0, RLIMIT_NOFILE, 0, limit.address(), 0, 0);
            long files = limit.get(JAVA_LONG, 0);
            return files < 0 ? Long.MAX_VALUE : files; // RLIM_INFINITY
        }
    }

    /**
     * Maps memory; the segment is not bounded in time: it is the caller's until {@link #munmap}.
     *
     * @return a segment of that size, or {@link MemorySegment#NULL}, and then {@link #errno} tells why
     */
    @SuppressWarnings("restricted")
    public MemorySegment mmap(long bytes, int protection, int flags, int fd, long offset) {
        long address = syscall(MMAP, 0, bytes, protection, flags, fd, offset);
        return address < 0
                ? MemorySegment.NULL
                : MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    public int munmap(MemorySegment mapped) {
        return (int) syscall(MUNMAP, mapped.address(), mapped.byteSize(), 0, 0, 0, 0);
    }

    /** One that has no method of its own here. */
    public long syscall(long number, long a, long b, long c, long d, long e, long f) {
        try {
            return result((long) SYSCALL.invokeExact(callState, number, a, b, c, d, e, f));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** Of the last call that failed. */
    public int errno() {
        return (int) ERRNO.get(callState, 0L);
    }

    private long result(long returned) {
        return returned == -1 ? -errno() : returned;
    }

    /** The C library's words for an error, such as {@code Connection reset by peer}. */
    @SuppressWarnings("restricted")
    static String strerror(int errno) {
        try {
            return ((MemorySegment) STRERROR.invokeExact(errno))
                    .reinterpret(256)
                    .getString(0);
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** A user's name, or the number where there is none. */
    static String userName(int id) {
        return nameOf(Accounts.GETPWUID_R, id);
    }

    /** A group's name, or the number where there is none. */
    static String groupName(int id) {
        return nameOf(Accounts.GETGRGID_R, id);
    }

    /** Both functions return errno rather than set it. */
    @SuppressWarnings("restricted")
    private static String nameOf(MethodHandle lookup, int id) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment entry = arena.allocate(Accounts.ENTRY_BYTES, 8);
            MemorySegment found = arena.allocate(ADDRESS);
            int errno = Errno.ERANGE;
            for (long room = 1024; errno == Errno.ERANGE && room <= Accounts.MOST_ENTRY_TEXT; room *= 4) {
                MemorySegment text = arena.allocate(room);
                errno = (int) lookup.invokeExact(id, entry, text, room, found);
                if (errno == 0 && found.get(ADDRESS, 0).address() != 0) {
                    return entry.get(ADDRESS, 0).reinterpret(room).getString(0);
                }
            }
            return Integer.toUnsignedString(id);
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** Linked when somebody asks. */
    private static final class Accounts {
        static final MethodHandle GETPWUID_R = link("getpwuid_r", lookup());
        static final MethodHandle GETGRGID_R = link("getgrgid_r", lookup());

        /** {@code struct passwd} and {@code struct group} are smaller; each begins with a pointer to the name. */
        static final int ENTRY_BYTES = 64;

        /** Beyond this, groups of so many members have none. */
        static final int MOST_ENTRY_TEXT = 1 << 20;

        private static FunctionDescriptor lookup() {
            return FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
        }
    }

    /** Functions of C throw nothing; what a handle may declare is an error of this class. */
    private static RuntimeException notThrown(Throwable fault) {
        if (fault instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("a call into the C library threw", fault);
    }
}
