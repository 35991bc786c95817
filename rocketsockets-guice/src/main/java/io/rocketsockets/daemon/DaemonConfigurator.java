package io.rocketsockets.daemon;

import java.net.InetSocketAddress;
import java.nio.file.Path;
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

    final List<Class<? extends Daemon>> services = new ArrayList<>();
    String name = "daemon";
    String displayName = "";
    List<String> args = List.of();

    @Nullable
    Object options;

    Duration startTimeout = DEFAULT_START_TIMEOUT;
    Duration serviceTimeout = DEFAULT_START_TIMEOUT;
    Duration stopTimeout = DEFAULT_STOP_TIMEOUT;
    Duration drainDelay = Duration.ZERO;

    @Nullable
    InetSocketAddress healthEndpoint;

    @Nullable
    Path readyFile;

    @Nullable
    Path liveFile;

    DaemonConfigurator() {}

    /** The arguments of {@code main}: {@code [command] [options] [-- arguments for the services]}. */
    public DaemonConfigurator args(String... args) {
        this.args = List.of(args);
        return this;
    }

    /** The name in messages, in the help and of the installed service, by default {@code daemon}. */
    public DaemonConfigurator name(String name) {
        this.name = Objects.requireNonNull(name, "name");
        return this;
    }

    /** What systemd calls the service, by default its name. */
    public DaemonConfigurator displayName(String name) {
        displayName = Objects.requireNonNull(name, "name");
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

    /** The time that one service may take to start, to pause or to resume, by default 60 s. */
    public DaemonConfigurator serviceTimeout(Duration timeout) {
        serviceTimeout = positive("serviceTimeout", timeout);
        return this;
    }

    /** The time in which all services together must have stopped, by default 20 s; then the process ends without them. */
    public DaemonConfigurator stopTimeout(Duration timeout) {
        stopTimeout = positive("stopTimeout", timeout);
        return this;
    }

    /**
     * How long the process goes on serving once it is told to stop and not ready any more, by default not at all: for
     * load balancers that need a while to notice. With {@link #stopTimeout} it must stay below the grace of whoever kills.
     */
    public DaemonConfigurator drainDelay(Duration delay) {
        if (delay.isNegative()) {
            throw new IllegalArgumentException("drainDelay=" + delay + " is negative; pass a time, or 0 for none");
        }
        drainDelay = delay;
        return this;
    }

    /**
     * Answers HTTP on that address, by default nowhere: {@code /live} with 200 while every event loop comes round, {@code
     * /ready} with 200 when the services have started and are not stopping or paused; otherwise 503.
     */
    public DaemonConfigurator healthEndpoint(String host, int port) {
        healthEndpoint = InetSocketAddress.createUnresolved(Objects.requireNonNull(host, "host"), port);
        return this;
    }

    /** A file that exists while the daemon is ready, by default none. */
    public DaemonConfigurator readyFile(Path file) {
        readyFile = Objects.requireNonNull(file, "file");
        return this;
    }

    /** A file whose time is renewed every five seconds while every event loop comes round, by default none. */
    public DaemonConfigurator liveFile(Path file) {
        liveFile = Objects.requireNonNull(file, "file");
        return this;
    }

    DaemonConfiguration freeze() {
        Invocation invocation = new DaemonCommandLine(name, version(), options).parse(args);
        Settings settings = new Settings(
                invocation.config(), System.getenv(), invocation.assignments(), InheritedSockets.ofThisProcess());
        settings.applyTo(this);
        return new DaemonConfiguration(this, version(), invocation, settings);
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
