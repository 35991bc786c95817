package io.rocketsockets.daemon;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What a daemon runs on: immutable, its command line read. Written with a {@link DaemonConfigurator}. */
public final class DaemonConfiguration {
    private final String name;
    private final List<Class<? extends Daemon>> services;
    private final Invocation invocation;
    private final Duration startTimeout;
    private final Duration stopTimeout;

    DaemonConfiguration(
            String name,
            List<Class<? extends Daemon>> services,
            Invocation invocation,
            Duration startTimeout,
            Duration stopTimeout) {
        this.name = name;
        this.services = List.copyOf(services);
        this.invocation = invocation;
        this.startTimeout = startTimeout;
        this.stopTimeout = stopTimeout;
    }

    /**
     * Runs the lambda, once and at once, then reads the command line. A mistake in it is kept for {@link DaemonHost#run},
     * which answers it.
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

    public Duration stopTimeout() {
        return stopTimeout;
    }

    /** What to answer instead of running; null to run. */
    Invocation.@Nullable Answer answer() {
        return invocation.answer();
    }
}
