package io.rocketsockets.guice;

import com.google.common.base.Suppliers;
import com.google.inject.Provider;
import io.rocketsockets.OnBytesReceived;
import io.rocketsockets.OnConnectionReceived;
import io.rocketsockets.RocketServer;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSessionFactory;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Makes servers that start with what the injector has bound: sessions, else callbacks, else nothing.
 *
 * <p><b>Laziness:</b> each server asks the injector once, at its first connection. So a service may take the server in its
 * constructor and be its callback too.
 */
final class InjectedServers implements SocketServerFactory {
    private final Provider<Optional<Provider<SocketSessionFactory>>> sessions;
    private final Provider<Optional<Provider<OnConnectionReceived>>> onConnection;
    private final Provider<Optional<Provider<OnBytesReceived>>> onBytes;

    InjectedServers(
            Provider<Optional<Provider<SocketSessionFactory>>> sessions,
            Provider<Optional<Provider<OnConnectionReceived>>> onConnection,
            Provider<Optional<Provider<OnBytesReceived>>> onBytes) {
        this.sessions = sessions;
        this.onConnection = onConnection;
        this.onBytes = onBytes;
    }

    @Override
    public SocketServer create(ServerConfiguration configuration) {
        if (sessions.get().isPresent()) {
            Supplier<SocketSessionFactory> factory = once(sessions.get().get());
            return RocketServer.create(configuration, socket -> factory.get().open(socket));
        }
        if (onConnection.get().isPresent() && onBytes.get().isPresent()) {
            Supplier<OnConnectionReceived> connected = once(onConnection.get().get());
            Supplier<OnBytesReceived> received = once(onBytes.get().get());
            return RocketServer.create(
                    configuration,
                    socket -> connected.get().connected(socket),
                    (id, bytes) -> received.get().received(id, bytes));
        }
        return RocketServer.create(configuration);
    }

    private static <T> Supplier<T> once(Provider<T> provider) {
        return Suppliers.memoize(provider::get);
    }
}
