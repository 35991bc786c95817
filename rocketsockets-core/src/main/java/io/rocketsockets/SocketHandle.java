package io.rocketsockets;

import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.proxy.ProxyHeader;
import io.rocketsockets.tls.TlsSession;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One accepted socket, in the hands of the application.
 *
 * <p><b>Threading:</b> every method may be called from any thread. On the event loop that owns the socket a call takes
 * effect at once; from elsewhere it is posted to that loop, in the order of the calling thread. No callback ever runs
 * inside one of these calls.
 *
 * <p><b>After the close</b> every method still answers: calls that ask for something do nothing, and a write fails
 * through its {@code onException}.
 *
 * <p>Methods with a body here are for stand-ins in tests, which have no rules to keep; the server's handles have their own.
 */
public interface SocketHandle {
    /** Unique within the life of the process; opaque. */
    String id();

    /** The name of the endpoint that accepted this socket. */
    String endpoint();

    /** The peer's; behind a proxy that tells it, the client's. The peer of a Unix socket mostly has an empty path. */
    SocketAddress remoteAddress();

    /** The server's; behind a proxy that tells it, the one that the client connected to. */
    SocketAddress localAddress();

    /** What the proxy in front said, on an endpoint with {@link EndpointConfigurator#proxyProtocol}. */
    default Optional<ProxyHeader> proxyHeader() {
        return Optional.empty();
    }

    /** What was agreed with the peer by TLS; empty on a plain socket. */
    default Optional<TlsSession> tls() {
        return Optional.empty();
    }

    /**
     * Goes on with TLS (STARTTLS), on an endpoint with {@code secureSockets(tls -> tls.onDemand())}: what was written so far is
     * sent in plaintext first, what is written from now on by TLS. What the peer sent before it knew of this is never taken
     * for secure: the rest of the bytes being delivered is dropped, their buffer is empty from then on, and what the kernel
     * holds is taken for the beginning of a handshake, and ends it. Called again, it does nothing.
     *
     * @throws IllegalStateException on an endpoint without that option
     */
    default void startTls() {}

    /**
     * Who the peer of a Unix socket is, by name; empty of TCP, where the system does not tell, and mostly once the
     * socket has closed. Looks names up: not for every message.
     */
    default Optional<PeerCredentials> peerCredentials() {
        return Optional.empty();
    }

    /** Whether writes are still accepted: false from the first {@code close}, {@code abort} or end of the connection. */
    boolean isOpen();

    /**
     * Asks for one read: n calls are n deliveries, whatever thread they come from. The bytes come in a later callback, as
     * soon as the peer has sent any.
     */
    void read();

    /** Delivers every read until {@link #stopReading()}. */
    void startReading();

    /**
     * Ends {@link #startReading()} and forgets reads asked for but not delivered. Once it has returned on the socket's
     * own loop no further delivery starts; from another thread one may already be under way. Unread bytes stay with the
     * kernel, which closes the peer's window.
     */
    void stopReading();

    /**
     * Writes {@code bytes} from position to limit. Writes of one thread leave in their order and whole; small writes of
     * one turn of the loop leave in one system call.
     *
     * <p><b>Ownership:</b> the content is the server's until {@code onComplete} or {@code onException} has run. Position
     * and limit are read during the call and left as they are.
     *
     * <p><b>Completion:</b> exactly one of the two runs, always, once, on the loop, never inside this call, and in the
     * order of the writes (a write that is refused is told at once): {@code onComplete} when the kernel has taken every
     * byte, otherwise {@code onException} with a {@link SocketClosedException} (the socket closed first), a {@link WriteQueueFullException} (the peer does not
     * read and the queue is at its limit) or the {@code IOException} of the system. For a write that comes after its
     * server has stopped, {@code onException} runs on a thread of the common pool, for want of a loop.
     */
    void write(ByteBuffer bytes, Runnable onComplete, Consumer<? super Throwable> onException);

    /**
     * As {@link #write(ByteBuffer, Runnable, Consumer)} for an application that does not ask what became of it: a failure
     * closes the socket. Since nothing tells when the content is free again, it must not change after this call.
     */
    void write(ByteBuffer bytes);

    /** Bytes given to {@code write} and not yet taken by the kernel. */
    long unsentBytes();

    /** Sends FIN after what is queued; later writes fail, reading goes on. */
    void shutdownOutput();

    /**
     * Delivers what is queued, then sends FIN; nothing more is received. Input that the peer still sends is discarded for
     * a moment rather than answered with RST, which would destroy what it has not read yet. Idempotent.
     */
    void close();

    /** Drops what is queued (its {@code onException} runs) and sends RST. Idempotent. */
    void abort();

    /** Why this socket ended; set before the close action runs, empty while the connection lives. */
    Optional<CloseReason> closeReason();

    /** The rules that hold for this socket: those of its endpoint until it is given others. */
    default Timeouts timeouts() {
        return Timeouts.NONE;
    }

    /**
     * Gives this socket rules of its own; they count from what has moved so far.
     *
     * @throws IllegalArgumentException with every rule that is broken
     */
    default void timeouts(Timeouts timeouts) {}

    /**
     * The peer has begun a message and owes the rest of it: until {@link #messageEnds()}, while a read is asked for, it has
     * to keep to {@link Timeouts#minReadRate()}. Only the application knows what a message is; {@link Frames} calls this.
     */
    default void messageBegins() {}

    /** The message is complete: the peer owes nothing and may be silent. */
    default void messageEnds() {}

    /**
     * Moves the socket to another event loop while its bytes flow: nothing is lost, doubled or reordered, and its callbacks
     * come from that loop's thread once the current turn has ended. Nothing happens when the socket is there or has ended.
     *
     * @param loop its number, 0 to {@code eventLoops} - 1, as in {@link ServerStats#loops()}
     * @throws IllegalArgumentException when there is no such loop
     */
    default void moveTo(int loop) {}

    /** Lets a tap see every byte of this socket from now on, in place of the one before; null takes it off. */
    default void tap(@Nullable WireTap tap) {}

    /** Keeps one object of the application's with this socket; null takes it away. */
    void attach(@Nullable Object attachment);

    /**
     * What was last attached.
     *
     * @return null when nothing is attached
     * @throws ClassCastException when it is of another type
     */
    <T> @Nullable T attachment(Class<T> type);
}
