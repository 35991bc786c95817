package io.rocketsockets.linux;

import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import java.io.IOException;
import java.net.BindException;

/** What the kernel says when it refuses: {@code asm-generic/errno-base.h} and {@code asm-generic/errno.h}. */
public final class Errno {
    public static final int EPERM = 1;
    public static final int EINTR = 4;
    public static final int EAGAIN = 11;
    public static final int ENOMEM = 12;
    public static final int EACCES = 13;
    public static final int EBUSY = 16;
    public static final int EINVAL = 22;
    public static final int ENFILE = 23;
    public static final int EMFILE = 24;
    public static final int EPIPE = 32;
    public static final int ERANGE = 34;
    public static final int ENOSYS = 38;
    public static final int ETIME = 62;
    public static final int EBADR = 53;
    public static final int EBADFD = 77;
    public static final int EAFNOSUPPORT = 97;
    public static final int EADDRINUSE = 98;
    public static final int EADDRNOTAVAIL = 99;
    public static final int ENETDOWN = 100;
    public static final int ENETUNREACH = 101;
    public static final int ECONNABORTED = 103;
    public static final int ECONNRESET = 104;
    public static final int ENOBUFS = 105;
    public static final int ENOTCONN = 107;
    public static final int ETIMEDOUT = 110;
    public static final int EHOSTDOWN = 112;
    public static final int EHOSTUNREACH = 113;
    public static final int EINPROGRESS = 115;
    public static final int ECANCELED = 125;

    /** A shortage that lasts for so many turns is no passing one, and a loop must not turn for it alone. */
    public static final int MOST_SHORTAGES = 16;

    private Errno() {}

    /** Loads what tells of a failure, which cannot be loaded from a folder when it is to say that descriptors have run out. */
    public static void prepare() {
        transportException("nothing", -ECONNRESET);
    }

    /**
     * What a call that returned less than 0 means.
     *
     * @param failed what failed, with the values it was given
     * @param result {@code -errno}
     */
    public static IOException exception(String failed, long result) {
        return exception((int) -result, failed + ": " + Libc.strerror((int) -result) + " (errno=" + -result + ")");
    }

    /** The same in the system's words alone, for whoever tells what failed itself. */
    public static IOException exception(long result) {
        return exception((int) -result, Libc.strerror((int) -result));
    }

    private static IOException exception(int errno, String message) {
        return switch (errno) {
            case EADDRINUSE, EADDRNOTAVAIL, EACCES -> new BindException(message);
            default -> new IOException(message);
        };
    }

    /** The same, of a call on one connection. */
    public static TransportException transportException(String failed, long result) {
        Kind kind = switch ((int) -result) {
            case ECONNRESET, EPIPE, ECONNABORTED, ENOTCONN -> Kind.RESET;
            case ETIMEDOUT, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN -> Kind.UNREACHABLE;
            default -> Kind.OTHER;
        };
        return new TransportException(kind, exception(failed, result));
    }

    /** The kernel has no memory for it, for a while; it says nothing of the connection. */
    public static boolean isShortage(long result) {
        return result == -ENOBUFS || result == -ENOMEM;
    }

    /** The system has nothing left to accept a connection with, for a while. */
    public static boolean isExhausted(long result) {
        return isShortage(result) || result == -EMFILE || result == -ENFILE;
    }
}
