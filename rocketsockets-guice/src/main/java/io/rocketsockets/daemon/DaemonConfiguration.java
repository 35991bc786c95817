package io.rocketsockets.daemon;

import io.rocketsockets.ServerConfigurator;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a daemon runs on: its command line read, and what was set from outside. Written with a {@link DaemonConfigurator}.
 *
 * <p>Immutable, except that a reload reads the configuration file again, for {@link #overriding}.
 */
public final class DaemonConfiguration {
    /** What holds where nobody says anything. */
    static final DaemonConfiguration DEFAULT = new DaemonConfiguration(
            new DaemonConfigurator(),
            "",
            Invocation.run(List.of()),
            new Settings(null, Map.of(), List.of(), InheritedSockets.NONE));

    private final String name;
    private final String displayName;
    private final String version;
    private final int argumentCount;
    private final List<Class<? extends Daemon>> services;
    private final Invocation invocation;
    private final Duration startTimeout;
    private final Duration serviceTimeout;
    private final Duration stopTimeout;
    private final Duration drainDelay;
    private final @Nullable InetSocketAddress healthEndpoint;
    private final @Nullable Path readyFile;
    private final @Nullable Path liveFile;

    /** Replaced by a reload. */
    private volatile Settings settings;

    DaemonConfiguration(DaemonConfigurator options, String version, Invocation invocation, Settings settings) {
        this.name = options.name;
        this.displayName = options.displayName.isEmpty() ? options.name : options.displayName;
        this.version = version;
        this.argumentCount = options.args.size();
        this.services = List.copyOf(options.services);
        this.invocation = invocation;
        this.startTimeout = options.startTimeout;
        this.serviceTimeout = options.serviceTimeout;
        this.stopTimeout = options.stopTimeout;
        this.drainDelay = options.drainDelay;
        this.healthEndpoint = options.healthEndpoint;
        this.readyFile = options.readyFile;
        this.liveFile = options.liveFile;
        this.settings = settings;
    }

    /**
     * Runs the lambda, once and at once, then reads the command line and what else comes from outside. A mistake in the
     * command line is kept for {@link DaemonHost#run}, which answers it, and one in the rest for the server's configuration.
     */
    public static DaemonConfiguration of(Consumer<? super DaemonConfigurator> options) {
        Objects.requireNonNull(options, "options");
        DaemonConfigurator configurator = new DaemonConfigurator();
        options.accept(configurator);
        return configurator.freeze();
    }

    public String name() {
        return name;
    }

    public String displayName() {
        return displayName;
    }

    /** What the manifest of the application's jar says. */
    String version() {
        return version;
    }

    /** How many words {@code main} got. */
    int argumentCount() {
        return argumentCount;
    }

    /** The services in the order in which they start. */
    public List<Class<? extends Daemon>> services() {
        return services;
    }

    /** What followed {@code --} on the command line. */
    public DaemonArguments arguments() {
        return invocation.arguments();
    }

    public Duration startTimeout() {
        return startTimeout;
    }

    public Duration serviceTimeout() {
        return serviceTimeout;
    }

    public Duration stopTimeout() {
        return stopTimeout;
    }

    public Duration drainDelay() {
        return drainDelay;
    }

    /** Null for none; not resolved. */
    public @Nullable InetSocketAddress healthEndpoint() {
        return healthEndpoint;
    }

    /** Null for none. */
    public @Nullable Path readyFile() {
        return readyFile;
    }

    /** Null for none. */
    public @Nullable Path liveFile() {
        return liveFile;
    }

    /**
     * These options of a server, followed by what was set from outside the program at the time they are asked for. Values
     * that make no sense are reported with the errors of the server's configuration.
     */
    public Consumer<ServerConfigurator> overriding(Consumer<? super ServerConfigurator> options) {
        return overriding(options, "", Set.of());
    }

    /**
     * The same for one of several servers.
     *
     * @param prefix that of its keys, such as {@code admin.}; empty for one of them
     * @param others those of the others
     */
    public Consumer<ServerConfigurator> overriding(
            Consumer<? super ServerConfigurator> options, String prefix, Collection<String> others) {
        Objects.requireNonNull(options, "options");
        List<String> elsewhere = List.copyOf(others);
        return server -> {
            options.accept(server);
            settings.applyTo(server, prefix, elsewhere);
        };
    }

    Settings settings() {
        return settings;
    }

    void replaceSettings(Settings next) {
        settings = next;
    }

    Invocation invocation() {
        return invocation;
    }

    /** What to answer instead of doing anything; null to do it. */
    Invocation.@Nullable Answer answer() {
        return invocation.answer();
    }
}
