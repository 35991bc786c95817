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
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The services of a process, started in order and stopped in reverse.
 *
 * <p><b>Threading:</b> confined to the thread that starts and stops it. Each call of a service runs on a thread of its
 * own, so that one which hangs can be given up.
 *
 * <p><b>State:</b> the services that have started and not stopped; a stop asks each of them once, whatever becomes of it.
 */
final class DaemonSequence {
    private static final Logger LOG = LoggerFactory.getLogger(DaemonSequence.class);

    private final List<Daemon> daemons;
    private final Deque<Daemon> started = new ArrayDeque<>();

    DaemonSequence(Collection<? extends Daemon> daemons) {
        this.daemons = List.copyOf(daemons);
    }

    boolean isEmpty() {
        return daemons.isEmpty();
    }

    /**
     * Starts each service once the one before it has started. Whatever this throws, {@link #stop} stops those that had.
     *
     * @throws DaemonStartException when a service fails, or has not started when the timeout ends
     * @throws InterruptedException when the calling thread is interrupted; so is the service that was starting
     */
    void start(Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (Daemon daemon : daemons) {
            FutureTask<?> call = begin("start", daemon, () -> {
                daemon.start();
                return daemon;
            });
            try {
                call.get(deadline - System.nanoTime(), NANOSECONDS);
            } catch (ExecutionException failed) {
                throw cannotStart(daemon, Objects.requireNonNull(failed.getCause()));
            } catch (TimeoutException late) {
                throw new DaemonStartException(
                        "cannot start: service=" + nameOf(daemon) + " has not started within startTimeout="
                                + timeout.toMillis() + " ms; raise startTimeout, or see what its start() waits for",
                        late);
            } finally {
                call.cancel(true); // Without effect once it is done.
            }
            started.push(daemon);
        }
    }

    /** Stops what has started. Each service may take an equal share of the time left, so that each is asked in time. */
    void stop(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (!started.isEmpty()) {
            long share = (deadline - System.nanoTime()) / started.size();
            stop(started.pop(), share);
        }
    }

    private static void stop(Daemon daemon, long timeoutNanos) {
        FutureTask<?> call = begin("stop", daemon, () -> {
            daemon.stop();
            return daemon;
        });
        try {
            Uninterruptibles.getUninterruptibly(call, timeoutNanos, NANOSECONDS);
        } catch (ExecutionException failed) {
            LOG.error("cannot stop: service={}", nameOf(daemon), failed.getCause());
        } catch (TimeoutException late) {
            LOG.error(
                    "cannot stop: service={} has not stopped within its {} ms of stopTimeout; raise stopTimeout, or see"
                            + " what its stop() waits for",
                    nameOf(daemon),
                    NANOSECONDS.toMillis(timeoutNanos));
        } finally {
            call.cancel(true);
        }
    }

    private static FutureTask<?> begin(String verb, Daemon daemon, Callable<?> step) {
        FutureTask<?> call = new FutureTask<>(step);
        new Thread(call, verb + "-" + daemon.getClass().getSimpleName()).start();
        return call;
    }

    private static DaemonStartException cannotStart(Daemon daemon, Throwable cause) {
        String why = cause instanceof ServerStartException ? cause.getMessage() : cause.toString();
        return new DaemonStartException("cannot start: service=" + nameOf(daemon) + ": " + why, cause);
    }

    private static String nameOf(Daemon daemon) {
        return daemon.getClass().getName();
    }
}
