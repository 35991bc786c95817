package io.rocketsockets.engine;

import java.net.SocketAddress;

/** One listening socket. */
public interface Listener {
    /** The bound address with its real port; from any thread. */
    SocketAddress localAddress();

    /** Leaves new connections in the backlog until {@link #resume()}; some may be under way and still be reported. */
    void pause();

    void resume();

    /**
     * Resets what waits in the backlog although the system has no descriptor left, by means of one that was kept for this.
     *
     * @return how many; 0 too when that does not help
     */
    int refuseWaiting();

    /** Stops listening; the port is free when this returns. Idempotent. */
    void close();
}
