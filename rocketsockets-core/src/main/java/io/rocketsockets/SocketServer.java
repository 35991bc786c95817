package io.rocketsockets;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;

/**
 * A socket server on event loops: two callbacks in, a handle per socket out. Made by {@link RocketServer#create}.
 *
 * <p><b>Threading:</b> every method may be called from any thread; {@code stop} and {@code close} not from a loop of this
 * server, which would wait for itself.
 *
 * <p><b>State:</b> {@link ServerState}; a stopped server can be started again, on the same port.
 */
public interface SocketServer extends AutoCloseable {
    /** The time that {@link #stop()} gives to sockets that still have bytes to deliver. */
    Duration DEFAULT_GRACE = Duration.ofSeconds(10);

    /**
     * Starts with the sessions or callbacks that the server was created with, as an injector does.
     *
     * @throws IllegalStateException when it was created without any; otherwise as {@link #start(SocketSessionFactory)}
     */
    void start();

    /**
     * Starts with two callbacks.
     *
     * @throws ServerStartException when an endpoint cannot be bound or a loop cannot be opened; nothing is left open
     * @throws IllegalStateException when the server is not stopped
     */
    void start(OnConnectionReceived onConnection, OnBytesReceived onBytes);

    /**
     * Starts with one session per connection. Returns when every endpoint is bound and accepting.
     *
     * @throws ServerStartException when an endpoint cannot be bound or a loop cannot be opened; nothing is left open
     * @throws IllegalStateException when the server is not stopped
     */
    void start(SocketSessionFactory sessions);

    /** {@link #stop(Duration)} with {@link #DEFAULT_GRACE}. */
    ShutdownReport stop();

    /**
     * Stops accepting, delivers what is queued, closes every socket and joins every thread. Sockets that are not done
     * when the grace ends are cut off; returns within the grace plus 200 ms.
     *
     * @return what became of the sockets; empty when the server was stopped already
     * @throws IllegalStateException on a loop thread of this server
     */
    ShutdownReport stop(Duration grace);

    /**
     * Leaves new connections in the backlog until {@link #resume()}; sockets that are open live on. Takes effect with the next
     * turn of the loops. Nothing happens unless the server runs; a start accepts whatever was paused before.
     */
    void pause();

    /** Accepts again after {@link #pause()}. */
    void resume();

    /**
     * Takes over what may change while the server runs: the limits on connections, and for new connections the timeouts of
     * the endpoint of that name. Everything else waits for the next start. A limit per address that was off before counts
     * the connections from now on. Files of certificates are read again, by the caller's thread; what cannot be used is logged.
     */
    void reload(ServerConfiguration next);

    /**
     * Whether every event loop has come round within the time, which shows that none is stuck in a callback or has ended;
     * false when the server does not run. Returns as soon as it is known.
     *
     * @throws InterruptedException when the calling thread is interrupted meanwhile
     */
    boolean isResponsive(Duration within) throws InterruptedException;

    default boolean isRunning() {
        return state() == ServerState.RUNNING;
    }

    ServerState state();

    /**
     * The address an endpoint is bound to, with the real port where 0 was configured.
     *
     * @throws IllegalStateException when the server is not running
     * @throws IllegalArgumentException when there is no endpoint of that name
     */
    SocketAddress localAddress(String endpointName);

    /** The open socket of that id. */
    Optional<SocketHandle> socket(String id);

    /** Counts of the current run, or of the last one when stopped. */
    ServerStats stats();

    /** {@link #stop()}. */
    @Override
    default void close() {
        stop();
    }
}
