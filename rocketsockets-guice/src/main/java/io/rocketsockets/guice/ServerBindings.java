package io.rocketsockets.guice;

import com.google.inject.Binder;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.Provider;
import com.google.inject.Scopes;
import com.google.inject.TypeLiteral;
import com.google.inject.multibindings.MapBinder;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.multibindings.OptionalBinder;
import io.rocketsockets.OnBytesReceived;
import io.rocketsockets.OnConnectionReceived;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSessionFactory;
import io.rocketsockets.daemon.Daemon;
import java.lang.annotation.Annotation;
import java.util.Optional;

/**
 * What every {@link RocketSocketsModule} binds for its qualifier, whatever its configuration. Being equal, it is
 * installed once, so that two modules for one server differ in the configuration alone and Guice reports that alone.
 */
record ServerBindings(Key<SocketServer> server) implements Module {
    /** Guice's key of the server without a qualifier; those of its parts differ in the type alone. */
    static final Key<SocketServer> UNQUALIFIED = Key.get(SocketServer.class);

    @Override
    public void configure(Binder binder) {
        OptionalBinder.newOptionalBinder(binder, server.ofType(SocketSessionFactory.class));
        OptionalBinder.newOptionalBinder(binder, server.ofType(OnConnectionReceived.class));
        OptionalBinder.newOptionalBinder(binder, server.ofType(OnBytesReceived.class));
        Multibinder.newSetBinder(binder, Daemon.class);

        SocketServerFactory servers = new InjectedServers(
                binder.getProvider(server.ofType(new TypeLiteral<Optional<Provider<SocketSessionFactory>>>() {})),
                binder.getProvider(server.ofType(new TypeLiteral<Optional<Provider<OnConnectionReceived>>>() {})),
                binder.getProvider(server.ofType(new TypeLiteral<Optional<Provider<OnBytesReceived>>>() {})));
        Provider<ServerConfiguration> configuration = binder.getProvider(server.ofType(ServerConfiguration.class));
        Provider<SocketServer> bound = () -> servers.create(configuration.get());
        binder.bind(server.ofType(SocketServerFactory.class)).toInstance(servers);
        binder.bind(server).toProvider(bound).in(Scopes.SINGLETON);
        MapBinder.newMapBinder(binder, String.class, SocketServer.class)
                .addBinding(name())
                .to(server);
    }

    private String name() {
        Class<? extends Annotation> qualifier = server.getAnnotationType();
        return qualifier == null ? "default" : qualifier.getName();
    }
}
