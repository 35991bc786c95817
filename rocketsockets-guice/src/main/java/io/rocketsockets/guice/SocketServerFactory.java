package io.rocketsockets.guice;

import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.SocketServer;

/**
 * Makes servers while the program runs, as many as wanted. Their {@code start()} without arguments uses the sessions or
 * callbacks of the injector, as that of the bound {@link SocketServer} does. Whoever starts a server stops it.
 */
@FunctionalInterface
public interface SocketServerFactory {
    /** A new server, not started. */
    SocketServer create(ServerConfiguration configuration);
}
