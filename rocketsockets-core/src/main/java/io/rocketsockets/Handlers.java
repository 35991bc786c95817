package io.rocketsockets;

import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * The callbacks of one run that work on the application's executor, so that a stop can wait for them.
 *
 * <p><b>Threading:</b> any thread.
 */
final class Handlers {
    private static final ThreadLocal<Handlers> CURRENT = new ThreadLocal<>();

    private final Executor executor;

    /** Sockets whose last callback has not returned; guarded by this. */
    private int sockets;

    Handlers(Executor executor) {
        this.executor = executor;
    }

    /** @throws RuntimeException what the executor says when it refuses */
    void execute(Runnable callbacks) {
        executor.execute(() -> run(callbacks));
    }

    /** Runs them here. */
    void run(Runnable callbacks) {
        Handlers outer = CURRENT.get(); // an executor may run what it is given in the thread that gives it
        CURRENT.set(this);
        try {
            callbacks.run();
        } finally {
            if (outer == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(outer);
            }
        }
    }

    /** Whether the caller is a callback of this run. */
    boolean isCalling() {
        return CURRENT.get() == this;
    }

    synchronized void opened() {
        sockets++;
    }

    synchronized void closed() {
        sockets--;
        notifyAll();
    }

    /**
     * Waits for the last callback of every socket.
     *
     * @return how many have not had it at the deadline
     */
    synchronized int await(long deadline) throws InterruptedException {
        for (long nanos = deadline - System.nanoTime();
                sockets > 0 && nanos > 0;
                nanos = deadline - System.nanoTime()) {
            TimeUnit.NANOSECONDS.timedWait(this, nanos);
        }
        return sockets;
    }
}
