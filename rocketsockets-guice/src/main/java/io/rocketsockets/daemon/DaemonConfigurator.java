package io.rocketsockets.daemon;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Collects the options of a daemon; the last call wins, each returns this. Not for use after the lambda. */
public final class DaemonConfigurator {
    /** Below the 90 s after which systemd kills a start, so that the message is ours. */
    private static final Duration DEFAULT_START_TIMEOUT = Duration.ofSeconds(60);

    /** Twice the grace that a server gives its sockets, and below the 30 s after which a container is killed. */
    private static final Duration DEFAULT_STOP_TIMEOUT = Duration.ofSeconds(20);

    private static final String UNKNOWN_VERSION = "(no version in the manifest)";

    private final List<Class<? extends Daemon>> services = new ArrayList<>();
    private String name = "daemon";
    private List<String> args = List.of();
    private @Nullable Object options;
    private Duration startTimeout = DEFAULT_START_TIMEOUT;
    private Duration stopTimeout = DEFAULT_STOP_TIMEOUT;

    DaemonConfigurator() {}

    /** The arguments of {@code main}: {@code [run] [options] [-- arguments for the services]}. */
    public DaemonConfigurator args(String... args) {
        this.args = List.of(args);
        return this;
    }

    /** The name in messages and in the help, by default {@code daemon}. */
    public DaemonConfigurator name(String name) {
        this.name = Objects.requireNonNull(name, "name");
        return this;
    }

    /** Adds a service, a singleton of the injector. Services start in the order of these calls, then those of modules. */
    public DaemonConfigurator service(Class<? extends Daemon> service) {
        services.add(Objects.requireNonNull(service, "service"));
        return this;
    }

    /**
     * The application's own options: an object with picocli's {@code @Option} fields, and {@code @Command} for its
     * description. The fields are filled once the lambda has returned, before the server is configured.
     */
    public DaemonConfigurator options(Object options) {
        this.options = Objects.requireNonNull(options, "options");
        return this;
    }

    /** The time in which all services together must have started, by default 60 s. */
    public DaemonConfigurator startTimeout(Duration timeout) {
        startTimeout = positive("startTimeout", timeout);
        return this;
    }

    /** The time in which all services together must have stopped, by default 20 s; then the process ends without them. */
    public DaemonConfigurator stopTimeout(Duration timeout) {
        stopTimeout = positive("stopTimeout", timeout);
        return this;
    }

    DaemonConfiguration freeze() {
        Invocation invocation = new DaemonCommandLine(name, version(), options).parse(args);
        return new DaemonConfiguration(name, services, invocation, startTimeout, stopTimeout);
    }

    /** What the manifest of the application's jar says; the options or the first service lead to that jar. */
    private String version() {
        if (options == null && services.isEmpty()) {
            return UNKNOWN_VERSION;
        }
        Class<?> application = options != null ? options.getClass() : services.get(0);
        return Objects.requireNonNullElse(application.getPackage().getImplementationVersion(), UNKNOWN_VERSION);
    }

    private static Duration positive(String option, Duration timeout) {
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException(option + "=" + timeout + " is not positive; pass at least 1 ms");
        }
        return timeout;
    }
}
