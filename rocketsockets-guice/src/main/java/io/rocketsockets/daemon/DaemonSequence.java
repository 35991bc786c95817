package io.rocketsockets.daemon;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import com.google.common.util.concurrent.Uninterruptibles;
import io.rocketsockets.ServerStartException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The services of a process, started in order and stopped in reverse.
 *
 * <p><b>Threading:</b> confined to the thread that starts and stops it; {@link #pause} and {@link #resume} come from any.
 * Each call of a service runs on a thread of its own, so that one which hangs can be given up.
 *
 * <p><b>State:</b> {@code INITIAL -> STARTED -> STOPPED}, where {@code STARTED} and {@code PAUSED} alternate; a stop asks
 * each service that has started once, whatever becomes of it.
 */
final class DaemonSequence {
    private static final Logger LOG = LoggerFactory.getLogger(DaemonSequence.class);

    enum State {
        INITIAL,
        STARTED,
        PAUSED,
        STOPPED
    }

    /** A step of a service. */
    @FunctionalInterface
    private interface Step {
        void take(Daemon daemon) throws Exception;
    }

    private final List<Daemon> daemons;
    private final Duration serviceTimeout;
    private final Deque<Daemon> started = new ArrayDeque<>();
    private State state = State.INITIAL;

    /** @param serviceTimeout for one step of one service */
    DaemonSequence(Collection<? extends Daemon> daemons, Duration serviceTimeout) {
        this.daemons = List.copyOf(daemons);
        this.serviceTimeout = serviceTimeout;
    }

    int size() {
        return daemons.size();
    }

    synchronized State state() {
        return state;
    }

    /**
     * Starts each service once the one before it has started. Whatever this throws, {@link #stop} stops those that had.
     *
     * @param timeout for all of them
     * @throws DaemonStartException when a service fails, or has not started in time
     * @throws InterruptedException when the calling thread is interrupted; so is the service that was starting
     */
    void start(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (Daemon daemon : daemons) {
            long before = System.nanoTime();
            boolean alone = serviceTimeout.toNanos() < deadline - before;
            FutureTask<?> call = begin("start", daemon, Daemon::start);
            try {
                call.get(alone ? serviceTimeout.toNanos() : deadline - before, NANOSECONDS);
            } catch (ExecutionException failed) {
                throw cannotStart(daemon, Objects.requireNonNull(failed.getCause()));
            } catch (TimeoutException late) {
                String limit = alone ? "serviceTimeout" : "startTimeout";
                throw new DaemonStartException(
                        "cannot start: service=" + nameOf(daemon) + " has not started within " + limit + "="
                                + (alone ? serviceTimeout : timeout).toMillis() + " ms; raise " + limit
                                + ", or see what its start() waits for",
                        late);
            } finally {
                call.cancel(true); // Without effect once it is done.
            }
            push(daemon);
            LOG.info("started: service={} in {} ms", nameOf(daemon), millisSince(before));
        }
        become(State.STARTED);
    }

    /** Each takes no new work, in reverse; without effect unless started. */
    void pause() {
        if (move(State.STARTED, State.PAUSED)) {
            snapshot()
                    .forEach(
                            daemon -> take("pause", daemon, Daemon::pause, serviceTimeout.toNanos(), "serviceTimeout"));
        }
    }

    /** The reverse of {@link #pause}. */
    void resume() {
        if (move(State.PAUSED, State.STARTED)) {
            daemons.forEach(
                    daemon -> take("resume", daemon, Daemon::resume, serviceTimeout.toNanos(), "serviceTimeout"));
        }
    }

    /** Stops what has started. Each service may take an equal share of the time left, so that each is asked in time. */
    void stop(Duration timeout) {
        become(State.STOPPED);
        long deadline = System.nanoTime() + timeout.toNanos();
        for (int left = snapshot().size(); left > 0; left--) {
            Daemon daemon = pop();
            long share = (deadline - System.nanoTime()) / left;
            take("stop", daemon, Daemon::stop, share, "stopTimeout");
        }
    }

    private static void take(String verb, Daemon daemon, Step step, long timeoutNanos, String limit) {
        long before = System.nanoTime();
        FutureTask<?> call = begin(verb, daemon, step);
        try {
            Uninterruptibles.getUninterruptibly(call, timeoutNanos, NANOSECONDS);
            LOG.info("{}: service={} in {} ms", verb, nameOf(daemon), millisSince(before));
        } catch (ExecutionException failed) {
            LOG.error(
                    "cannot {}: service={} after {} ms", verb, nameOf(daemon), millisSince(before), failed.getCause());
        } catch (TimeoutException late) {
            LOG.error(
                    "cannot {}: service={} has not come to an end within its {} ms of {}; raise it, or see what its {}()"
                            + " waits for",
                    verb,
                    nameOf(daemon),
                    NANOSECONDS.toMillis(timeoutNanos),
                    limit,
                    verb);
        } finally {
            call.cancel(true);
        }
    }

    private static FutureTask<?> begin(String verb, Daemon daemon, Step step) {
        FutureTask<?> call = new FutureTask<>(() -> {
            step.take(daemon);
            return daemon;
        });
        new Thread(call, verb + "-" + daemon.getClass().getSimpleName()).start();
        return call;
    }

    private static DaemonStartException cannotStart(Daemon daemon, Throwable cause) {
        String why = cause instanceof ServerStartException ? cause.getMessage() : cause.toString();
        return new DaemonStartException("cannot start: service=" + nameOf(daemon) + ": " + why, cause);
    }

    private synchronized void push(Daemon daemon) {
        started.push(daemon);
    }

    private synchronized Daemon pop() {
        return started.pop();
    }

    /** Those that have started, the last first. */
    private synchronized List<Daemon> snapshot() {
        return List.copyOf(started);
    }

    private synchronized void become(State next) {
        state = next;
    }

    private synchronized boolean move(State from, State to) {
        if (state != from) {
            return false;
        }
        state = to;
        return true;
    }

    private static long millisSince(long nanos) {
        return NANOSECONDS.toMillis(System.nanoTime() - nanos);
    }

    private static String nameOf(Daemon daemon) {
        return daemon.getClass().getName();
    }
}
