package io.rocketsockets;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The deadlines of one event loop: a hashed wheel, where setting and cancelling cost the same however many there are
 * (G. Varghese, A. Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6).
 *
 * <p><b>Threading:</b> confined to the loop.
 * <p><b>Time:</b> nanoseconds of a monotonic clock, compared by difference only, so that its wrap-around is harmless. A
 * timer fires within one {@link #TICK_NANOS} after its deadline, never before it.
 */
final class TimerWheel {
    /** 2^26 ns, about 67 ms. */
    static final long TICK_NANOS = 1L << 26;

    /** A power of two; one round of the wheel is about 34 s. */
    private static final int SLOTS = 512;

    /** An extra slot for those that are due right now. */
    private static final int FIRING = SLOTS;

    /** A deadline; at most one setting of it at a time. */
    abstract static class Timer {
        private long deadline;

        /** A short: it leaves a gap that a flag of {@link Deadlines} fits into, which is 8 bytes a connection. */
        private short slot = -1;

        @Nullable
        private Timer next;

        @Nullable
        private Timer previous;

        abstract void fire();

        boolean isSet() {
            return slot >= 0;
        }

        boolean isSetBefore(long deadlineNanos) {
            return isSet() && deadline - deadlineNanos <= 0;
        }
    }

    private final @Nullable Timer[] slots = new Timer[SLOTS + 1];
    private final BitSet occupied = new BitSet(SLOTS);
    private final long origin;
    private long tick;

    TimerWheel(long nowNanos) {
        origin = nowNanos;
    }

    /** Sets the timer, or sets it anew. */
    void set(Timer timer, long deadlineNanos) {
        cancel(timer);
        timer.deadline = deadlineNanos;
        long due = Math.max(tick + 1, (deadlineNanos - origin + TICK_NANOS - 1) / TICK_NANOS);
        link(timer, (int) (due % SLOTS));
    }

    void cancel(Timer timer) {
        if (timer.slot < 0) {
            return;
        }
        if (timer.previous != null) {
            timer.previous.next = timer.next;
        } else {
            slots[timer.slot] = timer.next;
            if (timer.next == null) {
                occupied.clear(timer.slot);
            }
        }
        if (timer.next != null) {
            timer.next.previous = timer.previous;
        }
        timer.next = null;
        timer.previous = null;
        timer.slot = -1;
    }

    /**
     * Fires what is due; each timer once, however much time has gone by. In two passes, since a timer that fires may set
     * and cancel others, and one that throws must not keep the rest: they fire at the next call.
     */
    void advance(long nowNanos) {
        long target = (nowNanos - origin) / TICK_NANOS;
        if (occupied.isEmpty()) {
            tick = Math.max(tick, target);
            return;
        }
        for (long last = Math.min(target, tick + SLOTS); tick < last; ) {
            tick++;
            collectDue((int) (tick % SLOTS), nowNanos);
        }
        tick = Math.max(tick, target);
        for (Timer timer = slots[FIRING]; timer != null; timer = slots[FIRING]) {
            cancel(timer);
            timer.fire();
        }
    }

    private void collectDue(int slot, long nowNanos) {
        for (Timer timer = slots[slot], next; timer != null; timer = next) {
            next = timer.next;
            if (timer.deadline - nowNanos <= 0) {
                cancel(timer);
                link(timer, FIRING);
            }
        }
    }

    /** Nanoseconds until something may be due; negative when nothing is set. */
    long nanosToNext(long nowNanos) {
        if (occupied.isEmpty()) {
            return -1;
        }
        if (occupied.get(FIRING)) {
            return 0;
        }
        int here = (int) (tick % SLOTS);
        int slot = occupied.nextSetBit((here + 1) % SLOTS);
        if (slot < 0) {
            slot = occupied.nextSetBit(0);
        }
        long ahead = (slot - here + SLOTS) % SLOTS;
        long due = origin + (tick + (ahead == 0 ? SLOTS : ahead)) * TICK_NANOS;
        return Math.max(0, due - nowNanos);
    }

    private void link(Timer timer, int slot) {
        timer.slot = (short) slot;
        timer.next = slots[slot];
        if (timer.next != null) {
            timer.next.previous = timer;
        }
        slots[slot] = timer;
        occupied.set(slot);
    }
}
