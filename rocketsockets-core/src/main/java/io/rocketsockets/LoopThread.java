package io.rocketsockets;

import java.io.Serial;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A thread that runs an event loop, until another takes the loop over because this one hangs in a callback.
 *
 * <p>It is <i>inside</i> the loop, where it may touch what the loop owns, or <i>outside</i>, in code of the application that
 * the loop has called. Outside, and only there, the loop can be taken from it: everything is then as between two steps of a
 * turn. Whoever comes back learns from {@link #enter} that the loop is not his any more, and touches nothing.
 *
 * <pre>
 *   INSIDE   -- leave --&gt;   OUTSIDE   -- tryTake --&gt;   TAKING   -- take --&gt;   TAKEN
 *            &lt;-- enter --             &lt;---- keep -----
 * </pre>
 *
 * <p><b>Threading:</b> {@link #enter} and {@link #leave} by this thread; the rest by the one that takes, or any.
 * <p><b>Cost:</b> a compare-and-set that nobody contends for each callback and each call on a handle in it.
 */
final class LoopThread extends Thread {
    private static final int INSIDE = 0;
    private static final int OUTSIDE = 1;
    private static final int TAKING = 2;
    private static final int TAKEN = 3;

    private static final VarHandle PLACE;
    private static final VarHandle CALLS;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            PLACE = lookup.findVarHandle(LoopThread.class, "place", int.class);
            CALLS = lookup.findVarHandle(LoopThread.class, "calls", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** Unwinds a thread whose loop was taken over, from where its callback returned to where the thread began. */
    static final class TakenOver extends Error {
        @Serial
        private static final long serialVersionUID = 1;

        private TakenOver() {
            super("another thread has taken the event loop over", null, false, false);
        }
    }

    static final TakenOver TAKEN_OVER = new TakenOver();

    private final EventLoop loop;

    // This thread only.
    private int depth = 1;

    // Any thread.
    private int place = INSIDE;

    /** How many callbacks have begun; a watchdog that finds the same number outside twice has found one that hangs. */
    private long calls;

    /** Whose callback it is in; ordered by {@link #place}. */
    private @Nullable Connection callee;

    // The watchdog's only.
    private long hangsSince;
    private boolean isReported;

    LoopThread(EventLoop loop, Runnable body) {
        super(body, "rocketsockets-loop-" + loop.number());
        this.loop = loop;
    }

    EventLoop loop() {
        return loop;
    }

    /** Goes inside; what is inside already goes one step deeper. False when the loop was taken over, for ever. */
    boolean enter() {
        if (depth == 0) {
            while (!PLACE.compareAndSet(this, OUTSIDE, INSIDE)) {
                if ((int) PLACE.getAcquire(this) == TAKEN) {
                    return false;
                }
                Thread.onSpinWait(); // somebody is about to take it, or cannot
            }
        }
        depth++;
        return true;
    }

    void leave() {
        if (--depth == 0) {
            PLACE.setRelease(this, OUTSIDE);
        }
    }

    /** Goes outside, for a callback of that connection, until {@link #comeBack}. */
    void leaveFor(Connection connection) {
        assert currentThread() == this && (int) PLACE.get(this) == INSIDE;
        callee = connection;
        CALLS.setOpaque(this, calls + 1);
        leave();
    }

    /**
     * Comes back from a callback: inside, whatever calls in it a fault has kept from leaving. False when the loop was taken
     * over, for ever.
     */
    boolean comeBack() {
        boolean isMine = enter();
        depth = 1;
        return isMine;
    }

    /** Goes inside a loop that nobody runs any more. */
    void enterAfterAll() {
        PLACE.setRelease(this, INSIDE);
        depth = 1;
    }

    /** The callback that it is in, as a number that no other has; 0 when it is in none. */
    long currentCall() {
        return (int) PLACE.getAcquire(this) == INSIDE ? 0 : (long) CALLS.getOpaque(this);
    }

    /** The socket whose callback it is in, if it is in one. */
    @Nullable
    ConnectionHandle calling() {
        Connection connection = (int) PLACE.getAcquire(this) == INSIDE ? null : callee;
        return connection == null ? null : connection.handle();
    }

    /** Takes the loop if the thread is in that callback still; {@link #take} or {@link #keep} follows. */
    boolean tryTake(long call) {
        if (!PLACE.compareAndSet(this, OUTSIDE, TAKING)) {
            return false;
        }
        if ((long) CALLS.getOpaque(this) != call) {
            keep();
            return false;
        }
        return true;
    }

    /** The loop is the caller's; returns the connection in whose callback this thread hangs. */
    Connection take() {
        Connection held = Objects.requireNonNull(callee);
        PLACE.setRelease(this, TAKEN);
        return held;
    }

    /** The loop stays this thread's. */
    void keep() {
        PLACE.setRelease(this, OUTSIDE);
    }

    // ---- For the watchdog ----

    void hangsSince(long nanos) {
        hangsSince = nanos;
    }

    long hangsSince() {
        return hangsSince;
    }

    /** Once, when it has hung for longer. */
    boolean isOverdue(long now, long limitNanos) {
        if (isReported || now - hangsSince <= limitNanos) {
            return false;
        }
        isReported = true;
        return true;
    }
}
