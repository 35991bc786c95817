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
import java.lang.annotation.Annotation;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
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
    /** The prefix of the keys of the server without a qualifier. */
    private static final String UNQUALIFIED = "";

    /** With these begin keys of the daemon, and of the endpoints of the server without a qualifier. */
    private static final Set<String> NOT_OF_SERVERS = Set.of("daemon.", "endpoint.");

    private final List<Module> dependencies = new ArrayList<>();

    /** Of each server by the prefix of its keys, in that order: the unqualified one has none, and is the first. */
    private final Map<String, Consumer<? super ServerConfigurator>> options = new TreeMap<>();

    /** What they have come to; of the same keys. */
    private final Map<String, RocketSocketsModule> servers = new TreeMap<>();

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
        servers.replaceAll(this::overridden); // Again, for what comes from outside to override them.
        return this;
    }

    /**
     * Configures the server; what comes from outside the program overrides it. Rules that are broken are reported when the
     * injector is created. The lambda runs again for a {@code daemon} or another server that follows, and when the daemon
     * reloads its configuration.
     */
    public Assimilate rocketSockets(Consumer<? super ServerConfigurator> options) {
        return add(UNQUALIFIED, options, new RocketSocketsModule(nothing -> {}));
    }

    /**
     * Configures a further server as {@link RocketSocketsModule#named} does. Its keys begin with the qualifier's name: {@code
     * admin.maxConnections} for {@code Admin.class}.
     *
     * @throws IllegalArgumentException when these are the keys of something else
     */
    public Assimilate rocketSockets(
            Class<? extends Annotation> qualifier, Consumer<? super ServerConfigurator> options) {
        RocketSocketsModule module = RocketSocketsModule.named(qualifier, nothing -> {});
        String prefix = prefixOf(qualifier);
        RocketSocketsModule other = servers.getOrDefault(prefix, module);
        if (NOT_OF_SERVERS.contains(prefix) || !other.key().equals(module.key())) {
            throw new IllegalArgumentException("qualifier=" + qualifier.getName() + " gives keys that begin with "
                    + prefix + ", as others do; rename it");
        }
        return add(prefix, options, module);
    }

    private static String prefixOf(Class<? extends Annotation> qualifier) {
        String name = qualifier.getSimpleName();
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1) + ".";
    }

    private Assimilate add(String prefix, Consumer<? super ServerConfigurator> options, RocketSocketsModule module) {
        this.options.put(prefix, Objects.requireNonNull(options, "options"));
        servers.put(prefix, module);
        servers.replaceAll(this::overridden); // The others too: whose the keys are has changed.
        return this;
    }

    private RocketSocketsModule overridden(String prefix, RocketSocketsModule server) {
        return server.configured(overridden(prefix));
    }

    private Consumer<? super ServerConfigurator> overridden(String prefix) {
        Consumer<? super ServerConfigurator> own = Objects.requireNonNull(options.get(prefix));
        if (daemon == null) {
            return own;
        }
        Set<String> others = new TreeSet<>(options.keySet());
        others.remove(prefix);
        others.remove(UNQUALIFIED); // has what nobody else has
        return daemon.overriding(own, prefix, others);
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
        servers.forEach((prefix, named) -> {
            if (!prefix.equals(UNQUALIFIED)) {
                modules.add(named);
            }
        });
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
        Module program = toModule();
        Map<String, Consumer<? super ServerConfigurator>> again = new TreeMap<>();
        servers.keySet().forEach(prefix -> again.put(prefix, overridden(prefix)));
        DaemonHost.run(daemon, new InjectedProgram(servers, again, program));
    }

    /** What the daemon runs, from the injector. */
    private static final class InjectedProgram implements Program {
        private final Map<String, RocketSocketsModule> servers;
        private final Map<String, Consumer<? super ServerConfigurator>> options;
        private final Module module;
        private @Nullable Injector injector;

        /** Since the last reload; empty before. */
        private Map<String, ServerConfiguration> reloaded = Map.of();

        InjectedProgram(
                Map<String, RocketSocketsModule> servers,
                Map<String, Consumer<? super ServerConfigurator>> options,
                Module module) {
            this.servers = servers;
            this.options = options;
            this.module = module;
        }

        @Override
        public Set<Daemon> services() {
            configurations(); // Speaks to an operator, where Guice would speak to a developer.
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
        public synchronized Map<String, ServerConfiguration> configurations() {
            if (!reloaded.isEmpty()) {
                return reloaded;
            }
            Map<String, ServerConfiguration> configured = new TreeMap<>();
            servers.forEach((prefix, server) -> configured.put(prefix, server.configuration()));
            return configured;
        }

        /** All are configured before the first is told. */
        @Override
        public synchronized void reload() {
            Map<String, ServerConfiguration> next = new TreeMap<>();
            options.forEach((prefix, each) -> next.put(prefix, ServerConfiguration.of(each)));
            servers.forEach((prefix, server) ->
                    made().getInstance(server.key()).reload(Objects.requireNonNull(next.get(prefix))));
            reloaded = next;
        }
    }

    private RocketSocketsModule server() {
        RocketSocketsModule server = servers.get(UNQUALIFIED);
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
