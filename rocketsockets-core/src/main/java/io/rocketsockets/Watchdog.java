package io.rocketsockets;

import java.io.Serial;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches over loops that are held up. A callback that hangs for a quarter of the limit loses its loop to another thread, so
 * that only its own socket waits for it; at the limit that is said, once for each time, with the stack and the socket.
 *
 * <p><b>Threading:</b> a thread of its own for each run, which sleeps but for ten looks within the limit.
 */
final class Watchdog implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

    /** Made with the class: in a full heap not even this could be looked up. */
    private static final String FAILED = "the watchdog could not look at the event loops";

    private final List<Watch> watches;
    private final long limitNanos;
    private final ServerListener listener;
    private final CountDownLatch stop = new CountDownLatch(1);
    private final Thread thread = new Thread(this, "rocketsockets-watchdog");

    Watchdog(List<EventLoop> loops, long limitNanos, ServerListener listener) {
        this.watches = loops.stream().map(Watch::new).toList();
        this.limitNanos = limitNanos;
        this.listener = listener;
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
        long pause = Math.max(1, limitNanos / 10);
        long looked = System.nanoTime();
        while (true) {
            try {
                if (stop.await(pause, TimeUnit.NANOSECONDS)) {
                    return;
                }
                long now = System.nanoTime();
                if (now - looked < pause + limitNanos / 4) { // else it was the whole process that stood still
                    watches.forEach(watch -> watch.look(now));
                }
                looked = now;
            } catch (InterruptedException end) {
                LOG.debug("watchdog ends", end);
                return;
            } catch (Throwable fault) { // a heap that is full now may not be so at the next look
                Faults.log(LOG, FAILED, fault);
            }
        }
    }

    /** What is known of one loop. */
    private final class Watch {
        private final EventLoop loop;
        private LoopThread thread;
        private long call;
        private long since;
        private long reportedTurn;

        Watch(EventLoop loop) {
            this.loop = loop;
            this.thread = loop.thread();
        }

        void look(long now) {
            lookAtCallback(now);
            long began = loop.meter.turnBegan();
            if (now - began > limitNanos && !loop.meter.isWaiting() && began != reportedTurn) {
                reportedTurn = began;
                report(loop.thread(), now - began, "");
            }
            for (LoopThread hanging : loop.relieved()) {
                if (hanging.isOverdue(now, limitNanos)) {
                    report(hanging, now - hanging.hangsSince(), ", and another thread serves its other sockets");
                }
            }
        }

        private void lookAtCallback(long now) {
            LoopThread current = loop.thread();
            long currentCall = current.currentCall();
            if (current != thread || currentCall != call) {
                thread = current;
                call = currentCall;
                since = now;
            } else if (call != 0 && now - since >= limitNanos / 4) {
                current.hangsSince(since);
                relieve(current);
            }
        }

        private void relieve(LoopThread hanging) {
            try {
                loop.relieve(hanging, call);
            } catch (OutOfMemoryError noThread) {
                LOG.warn("event loop {} is held up, and no thread can be made to relieve it", loop.number(), noThread);
            }
        }

        private void report(LoopThread where, long nanos, String consequence) {
            ConnectionHandle called = where.calling(); // once: the callback may return while it is logged
            String work = called == null ? "its own work" : "a callback of " + called.idAndEndpoint();
            Faults.log(
                    LOG,
                    "event loop " + loop.number() + " is held up: for " + nanos / 1_000_000 + " ms by " + work
                            + consequence + "; move what blocks to another thread, or raise stallLimit",
                    new Stall(where.getStackTrace()));
            listener.onStalled(loop.number(), called, Duration.ofNanos(nanos));
        }
    }

    /** Shows where the loop is. */
    private static final class Stall extends Exception {
        @Serial
        private static final long serialVersionUID = 1;

        Stall(StackTraceElement[] stack) {
            super("the loop is here", null, false, true);
            setStackTrace(stack);
        }
    }
}
