package io.rocketsockets.engine;

import java.net.SocketAddress;

/** One listening socket. */
public interface Listener {
    /** The bound address with its real port; from any thread. */
    SocketAddress localAddress();

    /** Leaves new connections in the backlog until {@link #resume()}. */
    void pause();

    void resume();

    /** Stops listening; the port is free when this returns. Idempotent. */
    void close();
}
