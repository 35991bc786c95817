package io.rocketsockets.guice;

import com.google.inject.Binder;
import com.google.inject.Binding;
import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.Scopes;
import com.google.inject.Stage;
import com.google.inject.TypeLiteral;
import com.google.inject.spi.Message;
import com.google.inject.util.Modules;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSession;
import io.rocketsockets.daemon.Daemon;
import io.rocketsockets.daemon.DaemonArguments;
import io.rocketsockets.daemon.DaemonConfiguration;
import io.rocketsockets.daemon.DaemonConfigurator;
import io.rocketsockets.daemon.DaemonHost;
import io.rocketsockets.daemon.Program;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A whole program in one statement:
 *
 * <pre>{@code
 * Assimilate.initialize()
 *         .daemon(x -> x.args(args).name("example").service(ExampleService.class))
 *         .rocketSockets(x -> x.useDefaultEndpoint())
 *         .dependencies(new AppModule())
 *         .runDaemon();
 * }</pre>
 *
 * <p>Each lambda runs at once. Only {@code rocketSockets} is needed; of two calls for the same the last wins.
 */
public final class Assimilate {
    private final List<Module> dependencies = new ArrayList<>();
    private @Nullable RocketSocketsModule server;
    private @Nullable Consumer<? super ServerConfigurator> serverOptions;
    private @Nullable Class<? extends SocketSession> sessions;
    private @Nullable DaemonConfiguration daemon;
    private @Nullable StackTraceElement daemonSource;

    private Assimilate() {}

    /** A fresh builder, which shares nothing with any other. */
    public static Assimilate initialize() {
        return new Assimilate();
    }

    /**
     * Configures the daemon and reads its command line, so that what follows can use the application's own options. Its
     * services, and {@link DaemonArguments}, can be injected.
     */
    public Assimilate daemon(Consumer<? super DaemonConfigurator> options) {
        daemon = DaemonConfiguration.of(options);
        daemonSource = CallSite.ofApplication();
        if (serverOptions != null) {
            rocketSockets(serverOptions); // Again, for what comes from outside to override it.
        }
        return this;
    }

    /**
     * Configures the server; what comes from outside the program overrides it. Rules that are broken are reported when the
     * injector is created. The lambda runs again for a {@code daemon} that follows, and when that reloads its configuration.
     */
    public Assimilate rocketSockets(Consumer<? super ServerConfigurator> options) {
        serverOptions = options;
        server = new RocketSocketsModule(overridden(options));
        return this;
    }

    private Consumer<? super ServerConfigurator> overridden(Consumer<? super ServerConfigurator> options) {
        return daemon == null ? options : daemon.overriding(options);
    }

    /** Makes one injected object per connection: {@link RocketSocketsBinder#sessions}. */
    public Assimilate sessions(Class<? extends SocketSession> sessions) {
        this.sessions = Objects.requireNonNull(sessions, "sessions");
        return this;
    }

    /** Adds modules of the application. */
    public Assimilate dependencies(Module... modules) {
        dependencies.addAll(List.of(modules));
        return this;
    }

    /**
     * Everything configured so far, for an injector made elsewhere.
     *
     * @throws IllegalStateException without {@code rocketSockets}
     */
    public Module toModule() {
        List<Module> modules = new ArrayList<>();
        modules.add(sessions == null ? server() : server().sessions(sessions));
        if (daemon != null) {
            DaemonConfiguration configuration = daemon;
            StackTraceElement source = daemonSource;
            modules.add(binder -> bind(configuration, binder.withSource(source)));
        }
        modules.addAll(dependencies);
        return Modules.combine(modules);
    }

    /**
     * An injector in {@link Stage#PRODUCTION}, where mistakes show at once. It starts nothing.
     *
     * @throws CreationException also for a service that is not a singleton
     * @throws IllegalStateException without {@code rocketSockets}
     */
    public Injector createInjector() {
        return injector(toModule());
    }

    /**
     * Runs until a signal, or an interrupt of the calling thread, stops it; see {@link DaemonHost} for how it ends.
     *
     * @throws IllegalStateException without {@code daemon} or {@code rocketSockets}
     */
    public void runDaemon() {
        if (daemon == null) {
            throw new IllegalStateException("no daemon configured; call daemon(x -> x.args(args).name(..)) first");
        }
        RocketSocketsModule module = server();
        DaemonHost.run(
                daemon, new InjectedProgram(module, overridden(Objects.requireNonNull(serverOptions)), toModule()));
    }

    /** What the daemon runs, from the injector. */
    private static final class InjectedProgram implements Program {
        private final RocketSocketsModule server;
        private final Consumer<? super ServerConfigurator> options;
        private final Module module;
        private @Nullable Injector injector;

        /** Since the last reload; null before. */
        private @Nullable ServerConfiguration reloaded;

        InjectedProgram(RocketSocketsModule server, Consumer<? super ServerConfigurator> options, Module module) {
            this.server = server;
            this.options = options;
            this.module = module;
        }

        @Override
        public Set<Daemon> services() {
            server.configuration(); // Speaks to an operator, where Guice would speak to a developer.
            injector = injector(module);
            return injector.getInstance(Key.get(new TypeLiteral<Set<Daemon>>() {}));
        }

        private Injector made() {
            return Objects.requireNonNull(injector, "services() comes first");
        }

        @Override
        public Collection<SocketServer> servers() {
            return made().getInstance(Key.get(new TypeLiteral<Map<String, SocketServer>>() {}))
                    .values();
        }

        @Override
        public synchronized Optional<ServerConfiguration> configuration() {
            return Optional.of(reloaded == null ? server.configuration() : reloaded);
        }

        @Override
        public synchronized void reload() {
            ServerConfiguration next = ServerConfiguration.of(options);
            made().getInstance(SocketServer.class).reload(next);
            reloaded = next;
        }
    }

    private RocketSocketsModule server() {
        if (server == null) {
            throw new IllegalStateException(
                    "no server configured; call rocketSockets(x -> x.useDefaultEndpoint()) first");
        }
        return server;
    }

    private static void bind(DaemonConfiguration daemon, Binder binder) {
        binder.bind(DaemonArguments.class).toInstance(daemon.arguments());
        daemon.services().forEach(new RocketSocketsBinder(binder, ServerBindings.UNQUALIFIED)::service);
    }

    private static Injector injector(Module module) {
        Injector injector = Guice.createInjector(Stage.PRODUCTION, module);
        List<Message> errors = new ArrayList<>();
        for (Binding<Daemon> service : injector.findBindingsByType(TypeLiteral.get(Daemon.class))) {
            if (!Scopes.isSingleton(service)) {
                errors.add(new Message(
                        service.getSource(),
                        "RocketSockets: a service is not a singleton; bind it in(Singleton.class) or annotate it with"
                                + " @Singleton"));
            }
        }
        if (!errors.isEmpty()) {
            throw new CreationException(errors);
        }
        return injector;
    }
}
