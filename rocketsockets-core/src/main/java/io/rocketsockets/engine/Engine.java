package io.rocketsockets.engine;

import java.io.IOException;
import java.net.SocketAddress;

/** Moves the bytes of one event loop. Every method but {@link #wakeup} is called on the loop's thread. */
public interface Engine extends AutoCloseable {
    /**
     * Binds, listens and reports each connection to the handler.
     *
     * @param address to bind, of IP or a Unix socket, or an {@link InheritedSocket}
     * @throws IOException when the address cannot be bound; nothing is left open
     * @throws UnsupportedOperationException when this engine cannot do what an option asks for; the message names option,
     *     value, reason and remedy, and nothing is left open
     */
    Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) throws IOException;

    /**
     * Takes over a transport that an engine of the same kind accepted; from now on it belongs to this loop and reports to
     * the handler. It does not read until {@link Transport#startReading()}.
     *
     * @throws TransportException when the system refuses; the caller closes the transport
     */
    void adopt(Transport transport, TransportHandler handler) throws TransportException;

    /**
     * Waits until something has happened, {@link #wakeup} was called, or the time is over.
     *
     * @param timeoutNanos 0 does not wait, a negative one waits without limit
     * @return 0 when {@link #dispatch} has nothing to report
     */
    int poll(long timeoutNanos) throws IOException;

    /** Reports what {@link #poll} found, to the handlers; what they throw is a bug above the seam and comes through. */
    void dispatch();

    /**
     * Lets the caller's thread go on as the loop's, while the former one hangs in a handler, which keeps what it was given: a
     * buffer in its hands is not used again. What {@link #dispatch} has not reported yet, the next {@link #poll} finds.
     *
     * @return false when the engine is bound to its thread
     */
    default boolean takeOver() {
        return false;
    }

    /** Ends the current or else the next wait; from any thread. */
    void wakeup();

    /**
     * Closes the engine with all that is still registered. Idempotent; also from the stopping thread, when the loop's hangs
     * in a handler: what that handler then does to a transport fails.
     */
    @Override
    void close() throws IOException;
}
