package io.rocketsockets.guice;

import com.google.inject.Binder;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.Provider;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurationException;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSession;
import java.lang.annotation.Annotation;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Binds a socket server; starts nothing. Whoever starts the server stops it.
 *
 * <pre>{@code
 * Guice.createInjector(new RocketSocketsModule(x -> x.useDefaultEndpoint()), new AppModule());
 * }</pre>
 *
 * <table>
 *   <caption>What it binds; each key but the last two carries the qualifier of {@link #named}</caption>
 *   <tr><th>key</th><th>bound to</th></tr>
 *   <tr><td>{@code SocketServer}</td><td>the server, a singleton</td></tr>
 *   <tr><td>{@code ServerConfiguration}</td><td>what the lambda configured; tests override it</td></tr>
 *   <tr><td>{@link SocketServerFactory}</td><td>makes further servers</td></tr>
 *   <tr><td>{@code SocketSessionFactory}</td><td>{@link #sessions}, if called; else the application may bind it</td></tr>
 *   <tr><td>{@code OnConnectionReceived}, {@code OnBytesReceived}</td><td>nothing: the application may bind both</td></tr>
 *   <tr><td>{@code Set<Daemon>}</td><td>the services of all modules, in bind order</td></tr>
 *   <tr><td>{@code Map<String, SocketServer>}</td><td>the servers by the class name of their qualifier, {@code
 *       default} without one</td></tr>
 * </table>
 *
 * <p>{@code SocketServer.start()} without arguments uses the {@code SocketSessionFactory}, otherwise the two callbacks.
 * They are made when the first connection comes.
 *
 * <p>Two equal modules are one. Inside a {@code PrivateModule} the {@code Set<Daemon>} sees only what is added in there.
 */
public final class RocketSocketsModule implements Module {
    private final Key<SocketServer> server;
    private final Outcome outcome;
    private final @Nullable Class<? extends SocketSession> sessions;
    private final StackTraceElement source;

    /** Runs the lambda, once and at once. Rules that it breaks are reported when an injector is created. */
    public RocketSocketsModule(Consumer<? super ServerConfigurator> options) {
        this(ServerBindings.UNQUALIFIED, Outcome.of(options), null, CallSite.ofApplication());
    }

    private RocketSocketsModule(
            Key<SocketServer> server,
            Outcome outcome,
            @Nullable Class<? extends SocketSession> sessions,
            StackTraceElement source) {
        this.server = server;
        this.outcome = outcome;
        this.sessions = sessions;
        this.source = source;
    }

    /** The same for one of several servers in an injector, each under a qualifier of its own. */
    public static RocketSocketsModule named(
            Class<? extends Annotation> qualifier, Consumer<? super ServerConfigurator> options) {
        return new RocketSocketsModule(
                Key.get(SocketServer.class, qualifier), Outcome.of(options), null, CallSite.ofApplication());
    }

    /** This module with one injected object per connection: {@link RocketSocketsBinder#sessions}. */
    public RocketSocketsModule sessions(Class<? extends SocketSession> sessions) {
        return new RocketSocketsModule(server, outcome, Objects.requireNonNull(sessions, "sessions"), source);
    }

    /** This module with other options, and its own place in the application. */
    RocketSocketsModule configured(Consumer<? super ServerConfigurator> options) {
        return new RocketSocketsModule(server, Outcome.of(options), sessions, source);
    }

    Key<SocketServer> key() {
        return server;
    }

    @Override
    public void configure(Binder anywhere) {
        Binder binder = anywhere.withSource(source);
        binder.install(new ServerBindings(server));
        binder.bind(server.ofType(ServerConfiguration.class)).toProvider(outcome);
        for (String error : outcome.errors()) {
            binder.addError("RocketSockets: %s", error);
        }
        if (sessions != null) {
            new RocketSocketsBinder(binder, server).sessions(sessions);
        }
    }

    /** @throws ServerConfigurationException when the lambda broke rules */
    ServerConfiguration configuration() {
        return outcome.get();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RocketSocketsModule module
                && server.equals(module.server)
                && outcome.equals(module.outcome)
                && Objects.equals(sessions, module.sessions);
    }

    /** By the key alone: the hash of a whole configuration takes the JVM a tenth of the start to put together. */
    @Override
    public int hashCode() {
        return server.hashCode();
    }

    /** What became of the lambda; one of the two is null. */
    private record Outcome(
            @Nullable ServerConfiguration configuration,
            @Nullable ServerConfigurationException failure) implements Provider<ServerConfiguration> {

        static Outcome of(Consumer<? super ServerConfigurator> options) {
            try {
                return new Outcome(ServerConfiguration.of(options), null);
            } catch (ServerConfigurationException broken) {
                return new Outcome(null, broken);
            }
        }

        List<String> errors() {
            return failure == null ? List.of() : failure.errors();
        }

        @Override
        public ServerConfiguration get() {
            if (failure != null) {
                throw failure;
            }
            return Objects.requireNonNull(configuration);
        }
    }
}
