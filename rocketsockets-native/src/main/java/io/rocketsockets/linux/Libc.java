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
 * The C library: one method and one method handle for each of its functions that the engines call, but for
 * those that are called with each message, which share one. Every result below 0 is
 * {@code -errno}, as the kernel itself would say it; nothing here throws for it.
 *
 * <p><b>Threading:</b> an instance holds the memory that {@code errno} is read through, so one thread at a time uses it.
 * <p><b>Memory:</b> what a segment argument points to must stay allocated for the time of the call; what an address argument
 * points to the caller must keep reachable, too.
 */
public final class Libc {
    private static final Linker LINKER = Linker.nativeLinker();

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle SOCKET = intCall("socket", JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle BIND = intCall("bind", JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle LISTEN = intCall("listen", JAVA_INT, JAVA_INT);
    private static final MethodHandle CONNECT = intCall("connect", JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle ACCEPT4 = intCall("accept4", JAVA_INT, ADDRESS, ADDRESS, JAVA_INT);
    private static final MethodHandle GETSOCKNAME = intCall("getsockname", JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle GETPEERNAME = intCall("getpeername", JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle SETSOCKOPT =
            intCall("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
    private static final MethodHandle GETSOCKOPT =
            intCall("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle SHUTDOWN = intCall("shutdown", JAVA_INT, JAVA_INT);
    private static final MethodHandle CLOSE = intCall("close", JAVA_INT);
    private static final MethodHandle DUP2 = intCall("dup2", JAVA_INT, JAVA_INT);
    private static final MethodHandle FCNTL = fcntl();

    private static final MethodHandle READ = longCall("read", JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle WRITE = longCall("write", JAVA_INT, ADDRESS, JAVA_LONG);
    private static final MethodHandle SENDMSG = longCall("sendmsg", JAVA_INT, ADDRESS, JAVA_INT);

    private static final MethodHandle EPOLL_CREATE1 = intCall("epoll_create1", JAVA_INT);
    private static final MethodHandle EPOLL_CTL = intCall("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
    private static final MethodHandle EVENTFD = intCall("eventfd", JAVA_INT, JAVA_INT);

    private static final MethodHandle GETRLIMIT = intCall("getrlimit", JAVA_INT, ADDRESS);
    private static final MethodHandle MMAP =
            longCall("mmap", ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
    private static final MethodHandle MUNMAP = intCall("munmap", ADDRESS, JAVA_LONG);
    private static final MethodHandle SYSCALL = syscall();

    // What is called with each message. The C library's functions of these names are points where a thread can be
    // cancelled, syscall is none, which spares two locked instructions a call: 0.8 % of an echo of 64 bytes. The
    // methods call its handle themselves: one deeper the JIT compiler leaves some out (66 instructions a message).
    // asm/unistd_64.h, and asm-generic/unistd.h for all others
    private static final boolean IS_X86 = System.getProperty("os.arch").equals("amd64");
    private static final long SYS_RECVFROM = IS_X86 ? 45 : 207;
    private static final long SYS_SENDTO = IS_X86 ? 44 : 206;
    private static final long SYS_EPOLL_PWAIT = IS_X86 ? 281 : 22;

    private static final MethodHandle STRERROR = strerror();
    private static final MethodHandle GETPWUID_R = entryCall("getpwuid_r");
    private static final MethodHandle GETGRGID_R = entryCall("getgrgid_r");

    /** {@code struct passwd} and {@code struct group} are smaller; each begins with a pointer to the name. */
    private static final int ENTRY_BYTES = 64;

    /** Beyond this, groups of so many members have none. */
    private static final int MOST_ENTRY_TEXT = 1 << 20;

    private final MemorySegment callState = Arena.ofAuto().allocate(CALL_STATE);

    private static MethodHandle intCall(String name, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(JAVA_INT, arguments), Linker.Option.captureCallState("errno"));
    }

    private static MethodHandle longCall(String name, MemoryLayout... arguments) {
        return link(name, FunctionDescriptor.of(JAVA_LONG, arguments), Linker.Option.captureCallState("errno"));
    }

    /** With six arguments, as many as there can be. */
    private static MethodHandle syscall() {
        return link(
                "syscall",
                FunctionDescriptor.of(
                        JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(1));
    }

    private static MethodHandle fcntl() {
        return link(
                "fcntl",
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT),
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(2));
    }

    private static MethodHandle strerror() {
        return link("strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    }

    private static MethodHandle entryCall(String name) {
        return link(name, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    }

    @SuppressWarnings("restricted")
    private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment function = LINKER.defaultLookup()
                .find(name)
                .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name));
        return LINKER.downcallHandle(function, descriptor, options);
    }

    /** @return a descriptor */
    public int socket(int domain, int type, int protocol) {
        try {
            return result((int) SOCKET.invokeExact(callState, domain, type, protocol));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int bind(int fd, MemorySegment address, int addressBytes) {
        try {
            return result((int) BIND.invokeExact(callState, fd, address, addressBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int listen(int fd, int backlog) {
        try {
            return result((int) LISTEN.invokeExact(callState, fd, backlog));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int connect(int fd, MemorySegment address, int addressBytes) {
        try {
            return result((int) CONNECT.invokeExact(callState, fd, address, addressBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return a descriptor */
    public int accept4(int fd, MemorySegment address, MemorySegment addressBytes, int flags) {
        try {
            return result((int) ACCEPT4.invokeExact(callState, fd, address, addressBytes, flags));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int getsockname(int fd, MemorySegment address, MemorySegment addressBytes) {
        try {
            return result((int) GETSOCKNAME.invokeExact(callState, fd, address, addressBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int getpeername(int fd, MemorySegment address, MemorySegment addressBytes) {
        try {
            return result((int) GETPEERNAME.invokeExact(callState, fd, address, addressBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int setsockopt(int fd, int level, int option, MemorySegment value, int valueBytes) {
        try {
            return result((int) SETSOCKOPT.invokeExact(callState, fd, level, option, value, valueBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int getsockopt(int fd, int level, int option, MemorySegment value, MemorySegment valueBytes) {
        try {
            return result((int) GETSOCKOPT.invokeExact(callState, fd, level, option, value, valueBytes));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int shutdown(int fd, int how) {
        try {
            return result((int) SHUTDOWN.invokeExact(callState, fd, how));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int close(int fd) {
        try {
            return result((int) CLOSE.invokeExact(callState, fd));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** Closes {@code to} and opens it again as another number of {@code from}, in one step. */
    public int dup2(int from, int to) {
        try {
            return result((int) DUP2.invokeExact(callState, from, to));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** Of the commands that take a number. */
    public int fcntl(int fd, int command, int argument) {
        try {
            return result((int) FCNTL.invokeExact(callState, fd, command, argument));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes read */
    public long read(int fd, MemorySegment bytes, long count) {
        try {
            return result((long) READ.invokeExact(callState, fd, bytes, count));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes taken */
    public long write(int fd, MemorySegment bytes, long count) {
        try {
            return result((long) WRITE.invokeExact(callState, fd, bytes, count));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes read; 0 is the end */
    public long recv(int fd, long address, long count, int flags) {
        try {
            return result((long)
                    SYSCALL.invokeExact(callState, SYS_RECVFROM, (long) fd, address, count, (long) flags, 0L, 0L));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes taken */
    public long send(int fd, long address, long count, int flags) {
        try {
            return result(
                    (long) SYSCALL.invokeExact(callState, SYS_SENDTO, (long) fd, address, count, (long) flags, 0L, 0L));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return bytes taken */
    public long sendmsg(int fd, MemorySegment message, int flags) {
        try {
            return result((long) SENDMSG.invokeExact(callState, fd, message, flags));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return a descriptor */
    public int epollCreate1(int flags) {
        try {
            return result((int) EPOLL_CREATE1.invokeExact(callState, flags));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int epollCtl(int epfd, int operation, int fd, MemorySegment event) {
        try {
            return result((int) EPOLL_CTL.invokeExact(callState, epfd, operation, fd, event));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** @return events found */
    public int epollWait(int epfd, long events, int count, int timeoutMillis) {
        return (int) syscall(SYS_EPOLL_PWAIT, epfd, events, count, timeoutMillis, 0, 0);
    }

    /** @return a descriptor */
    public int eventfd(int initial, int flags) {
        try {
            return result((int) EVENTFD.invokeExact(callState, initial, flags));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** The soft limit on open files, RLIMIT_NOFILE of {@code sys/resource.h}. */
    public long mostOpenFiles() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = arena.allocate(16, 8); // struct rlimit
            result((int) GETRLIMIT.invokeExact(callState, 7, limit));
            long files = limit.get(JAVA_LONG, 0);
            return files < 0 ? Long.MAX_VALUE : files; // RLIM_INFINITY
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /**
     * Maps memory; the segment is not bounded in time: it is the caller's until {@link #munmap}.
     *
     * @return a segment of that size, or {@link MemorySegment#NULL}, and then {@link #errno} tells why
     */
    @SuppressWarnings("restricted")
    public MemorySegment mmap(long bytes, int protection, int flags, int fd, long offset) {
        try {
            long address = (long) MMAP.invokeExact(callState, MemorySegment.NULL, bytes, protection, flags, fd, offset);
            return address == -1
                    ? MemorySegment.NULL
                    : MemorySegment.ofAddress(address).reinterpret(bytes);
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    public int munmap(MemorySegment mapped) {
        try {
            return result((int) MUNMAP.invokeExact(callState, mapped, mapped.byteSize()));
        } catch (Throwable impossible) {
            throw notThrown(impossible);
        }
    }

    /** A call that the C library has no function for. */
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

    private int result(int returned) {
        return returned == -1 ? -errno() : returned;
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
        return nameOf(GETPWUID_R, id);
    }

    /** A group's name, or the number where there is none. */
    static String groupName(int id) {
        return nameOf(GETGRGID_R, id);
    }

    /** Both functions return errno rather than set it. */
    @SuppressWarnings("restricted")
    private static String nameOf(MethodHandle lookup, int id) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment entry = arena.allocate(ENTRY_BYTES, 8);
            MemorySegment found = arena.allocate(ADDRESS);
            int errno = Errno.ERANGE;
            for (long room = 1024; errno == Errno.ERANGE && room <= MOST_ENTRY_TEXT; room *= 4) {
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

    /** Functions of C throw nothing; what a handle may declare is an error of this class. */
    private static RuntimeException notThrown(Throwable fault) {
        if (fault instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("a call into the C library threw", fault);
    }
}
