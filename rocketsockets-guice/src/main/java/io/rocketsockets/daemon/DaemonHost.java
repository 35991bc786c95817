package io.rocketsockets.daemon;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.google.common.base.Throwables;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The process around the services: answers the command line, starts the services, waits for the end, stops them.
 *
 * <p><b>Threading:</b> the thread that calls {@link #run}, mostly {@code main}, does all of it. A signal, {@link
 * System#exit} and an interrupt of that thread stop the services; the shutdown hook waits for them within the stop
 * timeout.
 *
 * <p><b>Exit status:</b> 143 after SIGTERM, 130 after SIGINT, whether the stop was graceful or a second signal cut it
 * short; 64 command line not understood, 69 an endpoint cannot be bound, 78 bad configuration, 70 any other failure. Each
 * failure is one message on stderr and in the log. Otherwise {@code run} returns.
 */
public final class DaemonHost {
    private static final Logger LOG = LoggerFactory.getLogger(DaemonHost.class);

    /** What the signals that end a process make of its exit status. */
    private static final Map<String, Integer> STATUS_AFTER = Map.of("INT", 130, "TERM", 143);

    /** Beyond the stop timeout, for the threads to change over and the last lines of the log. */
    private static final long MARGIN_MILLIS = 1_000;

    private final DaemonConfiguration configuration;
    private final CountDownLatch stopped = new CountDownLatch(1);

    private DaemonHost(DaemonConfiguration configuration) {
        this.configuration = configuration;
    }

    /**
     * Runs the services until a signal or an interrupt of the calling thread. Ends the process when that fails.
     *
     * @param services called once, unless the command line only wanted an answer
     */
    public static void run(
            DaemonConfiguration configuration, Supplier<? extends Collection<? extends Daemon>> services) {
        Invocation.Answer answer = configuration.answer();
        if (answer != null) {
            give(answer);
            return;
        }
        if (Thread.getDefaultUncaughtExceptionHandler() == null) {
            Thread.setDefaultUncaughtExceptionHandler((thread, e) -> LOG.error("thread {} died", thread.getName(), e));
        }
        try {
            new DaemonHost(configuration).host(new DaemonSequence(services.get()));
        } catch (Throwable failure) {
            fail(configuration.name(), failure);
        }
    }

    private void host(DaemonSequence services) {
        Thread owner = Thread.currentThread();
        Thread hook = new Thread(() -> stop(owner), "stop-" + configuration.name());
        if (!add(hook)) {
            return;
        }
        try {
            serve(services);
        } finally {
            stopped.countDown();
            remove(hook);
        }
    }

    private void serve(DaemonSequence services) {
        if (services.isEmpty()) {
            LOG.warn("{} has no services; add one with service(..) or a Multibinder", configuration.name());
        }
        try {
            services.start(configuration.startTimeout());
            LOG.info("{} is running", configuration.name());
            new CountDownLatch(1).await(); // Until interrupted.
        } catch (InterruptedException end) {
            LOG.info("{} is stopping", configuration.name());
        } finally {
            services.stop(configuration.stopTimeout());
        }
        LOG.info("{} has stopped", configuration.name());
    }

    /** The shutdown hook. */
    private void stop(Thread owner) {
        haltOnNextSignal();
        owner.interrupt();
        try {
            stopped.await(configuration.stopTimeout().toMillis() + MARGIN_MILLIS, MILLISECONDS);
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * The JVM ignores signals once it runs its hooks. {@code sun.misc.Signal} is the only way to hear them, and javac
     * warns of it in a way that nothing suppresses, therefore by reflection.
     */
    private static void haltOnNextSignal() {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Method handle = signal.getMethod("handle", signal, handler);
            for (Map.Entry<String, Integer> each : STATUS_AFTER.entrySet()) {
                Object halt =
                        Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, (self, m, a) -> {
                            Runtime.getRuntime().halt(each.getValue());
                            return null;
                        });
                handle.invoke(null, signal.getConstructor(String.class).newInstance(each.getKey()), halt);
            }
        } catch (ReflectiveOperationException absent) {
            LOG.debug("a second signal will be ignored", absent);
        }
    }

    /** Whether there is anything to start: false when the process is ending already. */
    private static boolean add(Thread hook) {
        try {
            Runtime.getRuntime().addShutdownHook(hook);
            return true;
        } catch (IllegalStateException ending) {
            return false;
        }
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException ending) {
            // The hook is what stopped us.
        }
    }

    private static void give(Invocation.Answer answer) {
        if (answer.status() == ExitStatus.OK) {
            System.out.println(answer.text());
        } else {
            System.err.println(answer.text());
            System.exit(answer.status().code());
        }
    }

    private static void fail(String name, Throwable failure) {
        ExitStatus status = ExitStatus.of(failure);
        String message = name + ": " + messageOf(failure, status);
        System.err.println(message);
        if (status == ExitStatus.SOFTWARE) {
            LOG.error(message, failure);
        } else {
            LOG.error(message);
        }
        System.exit(status.code());
    }

    /** A bad configuration is told without what Guice says around it. */
    private static String messageOf(Throwable failure, ExitStatus status) {
        if (status == ExitStatus.CONFIG) {
            return String.valueOf(Throwables.getRootCause(failure).getMessage());
        }
        return failure instanceof DaemonStartException ? String.valueOf(failure.getMessage()) : failure.toString();
    }
}
