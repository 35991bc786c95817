package io.rocketsockets.tls;

import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads that do beside the loops what takes long: the arithmetic of handshakes where a turn has no time for it, and looking
 * after the files of certificates.
 *
 * <p><b>Threading:</b> any. <b>Bounds:</b> half as many threads as processors; what waits for them is bounded by {@link
 * TlsConfiguration#maxHandshakes}.
 */
public final class TlsWorkers {
    private final ScheduledThreadPoolExecutor executor;
    private final List<Thread> threads = new CopyOnWriteArrayList<>();

    /** Where more comes than can be done, the peers of the oldest may have gone. */
    private final Deque<Runnable> youngestFirst = new ConcurrentLinkedDeque<>();

    public TlsWorkers() {
        AtomicInteger number = new AtomicInteger();
        int count = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        executor = new ScheduledThreadPoolExecutor(count, task -> {
            Thread thread = new Thread(task, "rocketsockets-tls-" + number.getAndIncrement());
            thread.setDaemon(true);
            threads.add(thread);
            return thread;
        });
        executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        executor.setRemoveOnCancelPolicy(true);
    }

    /** @throws java.util.concurrent.RejectedExecutionException after {@link #stop} */
    void execute(Runnable task) {
        youngestFirst.push(task);
        executor.execute(() -> youngestFirst.pop().run());
    }

    /** As {@link #execute}, after that time, and for what takes none. */
    void executeLater(Runnable task, long nanos) {
        executor.schedule(task, nanos, TimeUnit.NANOSECONDS);
    }

    /** Keeps the endpoint's certificates those of its files. */
    public void watch(TlsEndpoint endpoint) {
        executor.scheduleWithFixedDelay(endpoint::look, 1, 1, TimeUnit.SECONDS);
    }

    /**
     * Interrupts what is being done, forgets the rest, and waits for the threads to end: arithmetic cannot be interrupted, and
     * takes as long as the machine lets it.
     *
     * @param deadline of the wait; {@link System#nanoTime}
     */
    public void stop(long deadline) throws InterruptedException {
        executor.shutdownNow();
        for (Thread thread : threads) {
            TimeUnit.NANOSECONDS.timedJoin(thread, deadline - System.nanoTime());
        }
    }
}
