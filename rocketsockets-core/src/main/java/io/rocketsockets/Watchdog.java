package io.rocketsockets;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says it when a callback holds up its event loop: once for each time, with the loop's stack and the socket.
 *
 * <p><b>Threading:</b> a thread of its own for each run, which sleeps but for four looks within the limit.
 */
final class Watchdog implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

    private final List<EventLoop> loops;
    private final long limitNanos;
    private final long[] reported;
    private final CountDownLatch stop = new CountDownLatch(1);
    private final Thread thread = new Thread(this, "rocketsockets-watchdog");

    Watchdog(List<EventLoop> loops, long limitNanos) {
        this.loops = List.copyOf(loops);
        this.limitNanos = limitNanos;
        this.reported = new long[loops.size()];
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    void stop() {
        stop.countDown();
    }

    void join() throws InterruptedException {
        thread.join();
    }

    @Override
    public void run() {
        long pause = Math.max(1, limitNanos / 4);
        try {
            long looked = System.nanoTime();
            while (!stop.await(pause, TimeUnit.NANOSECONDS)) {
                long now = System.nanoTime();
                if (now - looked < limitNanos) { // else it was the whole process that stood still
                    loops.forEach(loop -> look(loop, now));
                }
                looked = now;
            }
        } catch (InterruptedException end) {
            LOG.debug("watchdog ends", end);
        }
    }

    private void look(EventLoop loop, long now) {
        long began = loop.meter.turnBegan();
        if (now - began > limitNanos && !loop.meter.isWaiting() && began != reported[loop.number()]) {
            reported[loop.number()] = began;
            Faults.log(
                    LOG,
                    "event loop " + loop.number() + " is held up: for " + (now - began) / 1_000_000 + " ms by "
                            + loop.doing() + "; move what blocks to another thread, or raise stallLimit",
                    new Stall(loop.stackTrace()));
        }
    }

    /** Shows where the loop is. */
    private static final class Stall extends Exception {
        private static final long serialVersionUID = 1;

        Stall(StackTraceElement[] stack) {
            super("the loop is here", null, false, true);
            setStackTrace(stack);
        }
    }
}
