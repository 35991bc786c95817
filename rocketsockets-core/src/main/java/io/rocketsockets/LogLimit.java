package io.rocketsockets;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Lets through ten lines a second of what peers can cause as often as they like, and counts the others.
 *
 * <p><b>Threading:</b> any; when a second begins under a race, a line more may come through.
 */
final class LogLimit {
    private static final int LINES_PER_SECOND = 10;
    private static final long SECOND_NANOS = 1_000_000_000;

    private final AtomicLong began = new AtomicLong(System.nanoTime());
    private final AtomicInteger lines = new AtomicInteger();
    private final AtomicLong leftOut = new AtomicLong();

    boolean permits() {
        long now = System.nanoTime();
        long second = began.get();
        if (now - second >= SECOND_NANOS && began.compareAndSet(second, now)) {
            lines.set(0);
        }
        if (lines.get() < LINES_PER_SECOND && lines.incrementAndGet() <= LINES_PER_SECOND) {
            return true;
        }
        leftOut.incrementAndGet();
        return false;
    }

    /** What a permitted line ends with: how many were left out since the last one, if any. */
    String leftOut() {
        long count = leftOut.getAndSet(0);
        return count == 0 ? "" : " (" + count + " lines like this were left out)";
    }
}
