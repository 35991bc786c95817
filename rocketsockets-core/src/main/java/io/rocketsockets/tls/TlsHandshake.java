package io.rocketsockets.tls;

import io.rocketsockets.engine.FilterLoop;
import io.rocketsockets.engine.TransportException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * The handshake of one connection: the hello, its turn among the others of the loop, and what the engine wants computed: on the
 * loop where that is short, beside it otherwise. The connection stays on its loop until it is over.
 *
 * <p><b>Bounds:</b> a hello costs what has come of it. Once it is complete, or large, the handshake counts among {@link
 * Handshakes}, until its last computation has ended, however the connection fares.
 * <p><b>Threading:</b> confined to the loop, except for the computation.
 */
final class TlsHandshake {
    /** What a hello may hold without being counted; most have a fraction of it. */
    private static final int SMALL_HELLO = 4 * 1024;

    /** What a peer may send behind its hello until it is done, which a chain of large certificates does not reach. */
    private static final int MOST_BYTES = 256 * 1024;

    /** The JDK puts messages together at a cost that grows with the square of their pieces. */
    static final int MOST_RECORDS = 256;

    private final TlsFilter filter;
    private final TlsEndpoint endpoint;
    private final FilterLoop loop;
    private final Handshakes others;
    private final HelloReader hello = new HelloReader();

    private boolean isCounted;
    private boolean waitsForTurn;
    private long waitsForPeerSince;
    private boolean computing;

    /** The connection has no more need of it; volatile, so that nothing is computed in vain. */
    private volatile boolean over;

    private int bytes;

    /** Whose certificate is shown; from the complete hello on. */
    private @Nullable TlsContext context;

    TlsHandshake(TlsFilter filter, TlsEndpoint endpoint, FilterLoop loop) {
        this.filter = filter;
        this.endpoint = endpoint;
        this.loop = loop;
        this.others = endpoint.handshakes(loop);
    }

    // ---- The hello ----

    /** Whether any byte of it has come. */
    boolean hasBegun() {
        return hello.hasBegun();
    }

    /** The hello in records as an engine reads them, or null while it is not complete, or {@link #waitsForTurn}. */
    @Nullable
    ByteBuffer take(ByteBuffer received) throws HelloException {
        boolean isComplete = hello.take(received);
        if (!isCounted && (isComplete || hello.size() > SMALL_HELLO)) {
            isCounted = true;
            waitsForPeerSince = System.nanoTime();
            waitsForTurn = !others.enter(this);
        }
        return isComplete && !waitsForTurn ? hello.records() : null;
    }

    /** Nothing is to be read until {@link TlsFilter#onTurn}. */
    boolean waitsForTurn() {
        return waitsForTurn;
    }

    /** The name that the complete hello asks for; empty for none, or for what is no host name. */
    String serverName() throws HelloException {
        return ServerNames.normal(hello.serverName());
    }

    /** The engine that goes on with the hello. */
    SSLEngine open(String name) throws HelloException, SSLException {
        context = endpoint.contextFor(name);
        if (context == null) {
            throw new HelloException(HelloException.UNRECOGNIZED_NAME, "no certificate for the name \"" + name + "\"");
        }
        SSLEngine engine = context.engine();
        engine.beginHandshake();
        return engine;
    }

    // ---- Among others ----

    /** {@link System#nanoTime}; of no meaning while it {@link #isComputing}. */
    long waitsForPeerSince() {
        return waitsForPeerSince;
    }

    boolean isComputing() {
        return computing;
    }

    void onTurn() {
        waitsForTurn = false;
        waitsForPeerSince = System.nanoTime();
        filter.onTurn();
    }

    void giveWay() {
        filter.fail(Kind.LIMIT_HANDSHAKES, new IOException("too many handshakes, and the peer kept this one waiting"));
    }

    /** It is done, or the connection has ended. */
    void end() {
        over = true;
        leave();
    }

    private void leave() {
        if (isCounted && !computing) {
            isCounted = false;
            waitsForTurn = false;
            others.leave(this);
        }
    }

    // ---- The rest ----

    /** Whether these bytes may come too, behind the hello. */
    boolean permits(ByteBuffer received) {
        bytes += received.remaining();
        return bytes <= MOST_BYTES;
    }

    /** Computes what the engine wants, if that is short and the turn has time for it; false when it is to be done beside. */
    boolean computesHere(SSLEngine engine) throws SSLException {
        TlsContext own = Objects.requireNonNull(context);
        if (!others.haveTime(own.usualNanos())) {
            return false;
        }
        long start = System.nanoTime();
        run(engine);
        long nanos = System.nanoTime() - start;
        own.took(nanos);
        others.took(nanos);
        waitForPeer();
        return true;
    }

    /** Has had an answer, the time for which is not the peer's. */
    private void waitForPeer() {
        waitsForPeerSince = System.nanoTime();
        others.onAnswered(this);
    }

    /**
     * Computes beside the loop what the engine wants; the engine must not be used before {@link TlsFilter#onComputed}.
     *
     * @throws RejectedExecutionException when the server stops
     */
    void compute(SSLEngine engine) {
        computing = true;
        try {
            endpoint.workers().execute(() -> {
                Throwable fault = over ? null : computeBeside(engine);
                loop.execute(() -> onComputed(fault));
            });
        } catch (RejectedExecutionException stopping) {
            computing = false;
            throw stopping;
        }
    }

    /** What it failed of, or null. */
    private @Nullable Throwable computeBeside(SSLEngine engine) {
        try {
            long start = System.nanoTime();
            run(engine);
            Objects.requireNonNull(context).took(System.nanoTime() - start);
            return null;
        } catch (Throwable fault) {
            return fault;
        }
    }

    /** Computes what the engine wants. */
    static void run(SSLEngine engine) throws SSLException {
        Runnable task = engine.getDelegatedTask();
        if (task == null) {
            throw new SSLException("the engine wants a task to be run and has none");
        }
        for (; task != null; task = engine.getDelegatedTask()) {
            task.run();
        }
    }

    private void onComputed(@Nullable Throwable fault) {
        computing = false;
        if (over) {
            leave();
        } else {
            waitForPeer();
            filter.onComputed(fault);
        }
    }
}
