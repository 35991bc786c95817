package io.rocketsockets;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Holds one connection to its {@link Timeouts}. What moves bytes only notes the time; the one timer is looked at when the
 * earliest deadline could be over, and is set again when that has moved on.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
final class Deadlines extends TimerWheel.Timer {
    // Touched with every byte that moves, and therefore first: they share a cache line.
    /** When the last byte came, or else when reading was asked for. */
    private long heard;

    /** When the kernel took the last byte, or else when the queue began to wait for it. */
    private long taken;

    private long bytesRead;
    private long bytesWritten;

    private long opened;
    private final Connection connection;

    private boolean reading;

    // Made when they first begin: most connections are silent.
    private @Nullable Stretch message;
    private @Nullable Stretch wait;

    /** What a filter waits for, null when the connection is ready. */
    private @Nullable Preparation preparing;

    /** A time in which the peer owes bytes: of a message that has begun, or of room for what is queued. */
    private static final class Stretch {
        private boolean lasts;
        private long began;

        /** How many had moved by then. */
        private long bytesBefore;

        /** When reading stopped in it: that time does not count. */
        private long readingStopped;

        void begin(long now, long bytes) {
            lasts = true;
            began = now;
            bytesBefore = bytes;
            readingStopped = now;
        }

        void shift(long ahead) {
            began += ahead;
            readingStopped += ahead;
        }
    }

    private record Preparation(CloseReason reasonWhenOver, long since, long limit) {}

    Deadlines(Connection connection) {
        this.connection = connection;
        this.opened = now();
        this.heard = opened;
        this.taken = opened;
    }

    private long now() {
        return connection.loop().now();
    }

    /** Goes on by another clock, which differs by so much. */
    void shift(long ahead) {
        heard += ahead;
        taken += ahead;
        opened += ahead;
        if (message != null) {
            message.shift(ahead);
        }
        if (wait != null) {
            wait.shift(ahead);
        }
    }

    /** Nanoseconds since the connection was taken over. */
    long age() {
        return now() - opened;
    }

    long bytesRead() {
        return bytesRead;
    }

    long bytesWritten() {
        return bytesWritten;
    }

    int lookAhead() {
        return (int) (heard + bytesWritten) + (reading ? 1 : 0);
    }

    void read(int bytes) {
        heard = now();
        bytesRead += bytes;
    }

    void wrote(long bytes) {
        if (bytes > 0) {
            taken = now();
            bytesWritten += bytes;
        }
    }

    /** Whether a read is waited for. Time in which none is does not count. */
    void reading(boolean isWaitedFor) {
        reading = isWaitedFor;
        if (isWaitedFor) {
            if (message != null) {
                message.began += now() - message.readingStopped;
            }
            heard = now();
            watch();
        } else if (message != null) {
            message.readingStopped = now();
        }
    }

    /** Whether queued bytes wait for the peer to take them. */
    void waiting(boolean isQueued) {
        if (isQueued != lasts(wait)) {
            if (isQueued) {
                taken = now();
                wait = begin(wait, bytesWritten);
                watch();
            } else if (wait != null) {
                wait.lasts = false;
            }
        }
    }

    /** Whether the application is within a message, of which the peer owes the rest. */
    void inMessage(boolean begun) {
        if (begun != lasts(message)) {
            if (begun) {
                message = begin(message, bytesRead);
                watch();
            } else if (message != null) {
                message.lasts = false;
            }
        }
    }

    private static boolean lasts(@Nullable Stretch stretch) {
        return stretch != null && stretch.lasts;
    }

    private Stretch begin(@Nullable Stretch former, long bytes) {
        Stretch stretch = former == null ? new Stretch() : former;
        stretch.begin(now(), bytes);
        return stretch;
    }

    /** A filter waits for its peer, for so long. */
    void preparing(CloseReason reasonWhenOver, long limit) {
        preparing = new Preparation(reasonWhenOver, now(), limit);
        watch();
    }

    void ready() {
        preparing = null;
    }

    /** The earliest of the deadlines, while it is looked for. */
    private static final class Next {
        private @Nullable CloseReason cause;
        private long at;

        void consider(long since, long limit, CloseReason reason) {
            if (limit > 0 && (cause == null || since + limit - at < 0)) {
                at = since + limit;
                cause = reason;
            }
        }

        /** The moment when so many bytes become too few, if no more come. */
        void considerRate(int bytesPerSecond, long grace, Stretch stretch, long moved, CloseReason reason) {
            if (bytesPerSecond > 0) {
                long bytes = moved - stretch.bytesBefore;
                long earned = Math.min((long) (bytes * (1e9 / bytesPerSecond)), LONGEST_NANOS);
                consider(stretch.began, Math.max(1, Math.max(grace, earned)), reason);
            }
        }
    }

    /**
     * Sets the timer if it would look too late. A later deadline leaves it: then it looks, and is set again. Where the
     * {@link Timeouts} have changed, those that are broken by then already end the connection at the next tick.
     */
    void watch() {
        Next next = findNext();
        if (next.cause != null && !isSetBefore(next.at)) {
            connection.loop().timers.set(this, next.at);
        }
    }

    @Override
    void fire() {
        Next next = findNext();
        CloseReason overdue = next.cause;
        if (overdue != null && next.at - now() <= 0) {
            connection.onOverdue(overdue);
        } else if (overdue != null) {
            connection.loop().timers.set(this, next.at);
        }
    }

    private Next findNext() {
        Timeouts timeouts = connection.handle().timeouts();
        Next next = new Next();
        if (connection.isOpen()) {
            next.consider(opened, nanos(timeouts.lifetime()), CloseReason.TIMEOUT_LIFETIME);
        }
        if (preparing != null) {
            next.consider(preparing.since, preparing.limit, preparing.reasonWhenOver);
        }
        long grace = nanos(timeouts.rateGrace());
        if (reading) {
            if (bytesRead == 0) {
                next.consider(heard, nanos(timeouts.firstByte()), CloseReason.TIMEOUT_FIRST_BYTE);
            }
            next.consider(heard, nanos(timeouts.read()), CloseReason.TIMEOUT_READ);
            if (message != null && message.lasts) {
                next.considerRate(timeouts.minReadRate(), grace, message, bytesRead, CloseReason.LIMIT_READ_RATE);
            }
        }
        if (wait != null && wait.lasts) {
            next.consider(taken, nanos(timeouts.write()), CloseReason.TIMEOUT_WRITE);
            next.considerRate(timeouts.minWriteRate(), grace, wait, bytesWritten, CloseReason.LIMIT_WRITE_RATE);
        }
        if (reading || lasts(wait)) {
            next.consider(heard - taken > 0 ? heard : taken, nanos(timeouts.idle()), CloseReason.TIMEOUT_IDLE);
        }
        return next;
    }

    /** Half of what differences of a monotonic clock can tell, some 146 years. */
    private static final long LONGEST_NANOS = Long.MAX_VALUE / 2;

    private static final Duration LONGEST = Duration.ofNanos(LONGEST_NANOS);

    private static long nanos(Duration time) {
        return time.compareTo(LONGEST) < 0 ? time.toNanos() : LONGEST_NANOS;
    }
}
