package io.rocketsockets.daemon;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.google.common.base.Throwables;
import com.google.common.util.concurrent.Uninterruptibles;
import io.rocketsockets.EndpointConfiguration;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.daemon.Invocation.Answer;
import io.rocketsockets.daemon.Invocation.UnitRequest;
import io.rocketsockets.daemon.Settings.Effective;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The process around the services: answers the command line, starts the services, waits for the end, stops them, and tells
 * whoever supervises it how it is.
 *
 * <p><b>Threading:</b> the thread that calls {@link #run}, mostly {@code main}, does all of it but pausing and reloading. A
 * signal, {@link System#exit} and an interrupt of that thread stop the services; the shutdown hook waits for them within the
 * drain delay and the stop timeout.
 *
 * <p><b>Signals:</b> SIGTERM and SIGINT stop, the second of them at once; SIGHUP reloads the configuration file; SIGTTOU
 * pauses and SIGTTIN resumes, as in HAProxy.
 *
 * <p><b>Exit status:</b> 143 after SIGTERM, 130 after SIGINT, whether the stop was graceful or a second signal cut it
 * short; 64 command line not understood, 69 an endpoint cannot be bound or a service not be installed, 78 bad
 * configuration, 70 any other failure. Each failure is one message on stderr and in the log. Otherwise {@code run} returns.
 */
public final class DaemonHost {
    private static final Logger LOG = LoggerFactory.getLogger(DaemonHost.class);

    /** What the signals that end a process make of its exit status. */
    private static final Map<String, Integer> STATUS_AFTER = Map.of("INT", 130, "TERM", 143);

    /** Beyond the stop timeout, for the threads to change over and the last lines of the log. */
    private static final Duration MARGIN = Duration.ofSeconds(1);

    private final DaemonConfiguration configuration;
    private final Program program;
    private final Supervisor supervisor = Supervisor.ofThisProcess();
    private final CountDownLatch stopped = new CountDownLatch(1);

    private DaemonHost(DaemonConfiguration configuration, Program program) {
        this.configuration = configuration;
        this.program = program;
    }

    /**
     * Does what the command line asks for: mostly runs the services until a signal or an interrupt of the calling thread.
     * Ends the process when that fails.
     */
    public static void run(DaemonConfiguration configuration, Program program) {
        if (configuration.answer() != null) {
            give(configuration.answer());
            return;
        }
        if (Thread.getDefaultUncaughtExceptionHandler() == null) {
            Thread.setDefaultUncaughtExceptionHandler((thread, e) -> LOG.error("thread {} died", thread.getName(), e));
        }
        try {
            new DaemonHost(configuration, program).obey();
        } catch (Throwable failure) {
            fail(configuration.name(), failure);
        }
    }

    private void obey() {
        Invocation invocation = configuration.invocation();
        UnitRequest unit = invocation.unit();
        Installation installation = Installation.of(configuration.name(), unit.isUser());
        switch (invocation.command()) {
            case RUN -> host();
            case PRINT_CONFIG -> give(Answer.ok(table(effective())));
            case CHECK_CONFIG -> {
                program.configurations();
                give(Answer.ok(configuration.name() + ": the configuration is valid"));
            }
            case UNIT ->
                give(Answer.ok(units().texts().entrySet().stream()
                        .map(each -> "# " + each.getKey() + "\n" + each.getValue())
                        .collect(Collectors.joining("\n"))
                        .strip()));
            case INSTALL -> give(installation.install(units(), unit));
            case UNINSTALL -> give(installation.uninstall(unit));
            case STATUS -> give(installation.status());
        }
    }

    private UnitFiles units() {
        return new UnitFiles(
                configuration,
                program.configurations(),
                configuration.invocation().unit(),
                UnitFiles.programOfThisProcess(configuration.argumentCount()));
    }

    // ---- Running ----

    private void host() {
        Thread owner = Thread.currentThread();
        Thread hook = new Thread(() -> stop(owner), "stop-" + configuration.name());
        if (!add(hook)) {
            return;
        }
        try {
            serve();
        } finally {
            stopped.countDown();
            remove(hook);
        }
    }

    private void serve() {
        supervisor.starting(configuration.startTimeout());
        DaemonSequence services = new DaemonSequence(program.services(), configuration.serviceTimeout());
        if (services.size() == 0) {
            LOG.warn("{} has no services; add one with service(..) or a Multibinder", configuration.name());
        }
        try (Health health = Health.open(configuration, supervisor, program.servers())) {
            try {
                services.start(configuration.startTimeout());
                report();
                hear(services, health);
                health.ready(true);
                supervisor.ready("running");
                LOG.info("{} is running", configuration.name());
                new CountDownLatch(1).await(); // Until interrupted.
            } catch (InterruptedException end) {
                LOG.info("{} is stopping", configuration.name());
            } finally {
                end(services, health);
            }
        }
        LOG.info("{} has stopped", configuration.name());
    }

    private void end(DaemonSequence services, Health health) {
        health.ready(false);
        supervisor.stopping(timeToStop());
        if (services.state() != DaemonSequence.State.INITIAL) {
            Uninterruptibles.sleepUninterruptibly(configuration.drainDelay());
        }
        services.stop(configuration.stopTimeout());
    }

    private Duration timeToStop() {
        return configuration.drainDelay().plus(configuration.stopTimeout()).plus(MARGIN);
    }

    private void hear(DaemonSequence services, Health health) {
        Signals.on("HUP", () -> reload(services));
        Signals.on("TTOU", () -> pause(services, health));
        Signals.on("TTIN", () -> resume(services, health));
    }

    private synchronized void pause(DaemonSequence services, Health health) {
        if (services.state() == DaemonSequence.State.STARTED) {
            health.ready(false);
            program.servers().forEach(server -> server.pause());
            services.pause();
            supervisor.status("paused");
            LOG.info("{} is paused", configuration.name());
        }
    }

    private synchronized void resume(DaemonSequence services, Health health) {
        if (services.state() == DaemonSequence.State.PAUSED) {
            services.resume();
            program.servers().forEach(server -> server.resume());
            health.ready(true);
            supervisor.status("running");
            LOG.info("{} is running again", configuration.name());
        }
    }

    /** All of it or, when it breaks a rule, nothing. */
    private synchronized void reload(DaemonSequence services) {
        supervisor.reloading();
        Settings before = configuration.settings();
        try {
            List<Effective> old = effective();
            configuration.replaceSettings(before.reread());
            program.reload();
            List<Effective> changed = new ArrayList<>(effective());
            changed.removeAll(old);
            changed.forEach(each -> LOG.info(
                    "reloaded: {}={} ({}){}",
                    each.key(),
                    each.value(),
                    each.origin(),
                    each.isLive() ? "" : ", in force after a restart"));
            LOG.info("{} has reloaded its configuration: changed={}", configuration.name(), changed.size());
        } catch (RuntimeException bad) {
            configuration.replaceSettings(before);
            LOG.error("{} keeps its configuration: {}", configuration.name(), bad.getMessage());
        } finally {
            supervisor.ready(services.state() == DaemonSequence.State.PAUSED ? "paused" : "running");
        }
    }

    /** The shutdown hook. */
    private void stop(Thread owner) {
        STATUS_AFTER.forEach((signal, status) ->
                Signals.on(signal, () -> Runtime.getRuntime().halt(status)));
        owner.interrupt();
        try {
            stopped.await(timeToStop().toMillis(), MILLISECONDS);
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    // ---- Telling ----

    /** What an operator asks first when something is wrong; the addresses are told by the server itself. */
    private void report() {
        LOG.info(
                "{} {}: Java {} ({}), process {}",
                configuration.name(),
                configuration.version(),
                Runtime.version(),
                System.getProperty("java.vendor"),
                ProcessHandle.current().pid());
        program.configurations().forEach(this::report);
        effective().stream()
                .filter(each ->
                        !each.origin().equals("default") && !each.origin().equals("program"))
                .forEach(each -> LOG.info("set from outside: {}={} ({})", each.key(), each.value(), each.origin()));
    }

    private void report(String prefix, ServerConfiguration server) {
        LOG.info(
                "{}limits: maxConnections={} maxConnectionsPerAddress={} acceptRate={} unsentBytes={} (0: none)",
                prefix,
                server.connectionLimits().connections(),
                server.connectionLimits().perAddress(),
                server.connectionLimits().acceptRate(),
                server.unsentBytesLimit());
        String secure = server.endpoints().stream()
                .filter(EndpointConfiguration::secure)
                .map(EndpointConfiguration::name)
                .collect(Collectors.joining(" "));
        LOG.info("{}TLS: {}", prefix, secure.isEmpty() ? "none" : secure);
    }

    private List<Effective> effective() {
        return configuration.settings().effective(configuration, program.configurations());
    }

    private static String table(List<Effective> options) {
        int width = options.stream()
                .mapToInt(each -> each.key().length() + 1 + each.value().length())
                .max()
                .orElse(0);
        return options.stream()
                .map(each -> String.format("%-" + width + "s  # %s", each.key() + "=" + each.value(), each.origin()))
                .collect(Collectors.joining("\n"));
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

    private static void give(Answer answer) {
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
