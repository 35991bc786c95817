package io.rocketsockets.tls;

import io.rocketsockets.engine.Filter;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.cert.Certificate;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Speaks TLS between a transport and its connection, with an {@link SSLEngine}.
 *
 * <p><b>State:</b> {@code PLAIN -> HELLO -> HANDSHAKE -> OPEN}, or FAILED from any; PLAIN only where TLS is asked for later.
 * <p><b>Way in:</b> the whole records of one read are decrypted into a buffer of the loop and delivered at once, last of all,
 * so that whatever the callback does finds the filter in order. What is too much for one delivery has a turn of its own: records
 * wait in {@link HeldRecords}, as the beginning of one does, and what cannot be left encrypted in {@link Surplus}.
 * <p><b>Way out:</b> small writes share a record. What the transport does not take waits in {@link SealedRecords};
 * plaintext counts as pending until its record has gone.
 * <p><b>Moves:</b> not before OPEN. Nothing here refers to memory of a loop between two calls.
 * <p><b>Failure:</b> the peer is told by an alert, then the connection by {@link Kind}; bytes that come after that are passed
 * on as they are, to be discarded.
 */
final class TlsFilter extends Filter {
    private static final Logger LOG = LoggerFactory.getLogger("io.rocketsockets.SocketServer");

    private static final ByteBuffer[] NO_BYTES = {ByteBuffer.allocate(0)};

    // Types of records, which are in the clear.
    private static final int ALERT = 21;
    private static final int HANDSHAKE = 22;

    /** Only a signal, that no handshake can be made of (RFC 5746, 3.3). */
    private static final String[] NO_SUITE = {"TLS_EMPTY_RENEGOTIATION_INFO_SCSV"};

    /** Encrypted at once; four records of the largest size, so that a bulk write costs few calls. */
    private static final int SENT_AT_ONCE = 64 * 1024;

    /** Records without data in a row, such as KeyUpdate, that no peer has a reason for. */
    private static final int MOST_CONTROL_RECORDS = 32;

    private enum State {
        PLAIN,
        HELLO,
        HANDSHAKE,
        OPEN,
        FAILED
    }

    private final TlsEndpoint endpoint;
    private State state;

    /** From HELLO until it is done or has failed. */
    private @Nullable TlsHandshake handshake;

    private String serverName = "";

    /** From HANDSHAKE on. */
    private @Nullable SSLEngine engine;

    /** Volatile, since any thread may ask for it. */
    private volatile @Nullable TlsSession session;

    // The way in.
    private final HeldRecords held = new HeldRecords();

    /** Comes before what is held. */
    private final Surplus surplus;

    private boolean reading;
    private boolean goesOn;

    /** By the peer's word. */
    private boolean inputEnded;

    /** By its FIN. */
    private boolean streamEnded;

    private boolean endTold;

    /** Found while something was still to be delivered, by a callback that may hang. */
    private @Nullable TransportException failure;

    private int controlRecords;

    // The way out.
    private final SealedRecords sealed;

    /** What is written in plaintext before TLS begins; negative while nobody has asked for it. */
    private long plaintextLeft = -1;

    private boolean outputEnded;
    private boolean finDue;

    TlsFilter(Transport below, TlsEndpoint endpoint) {
        super(below);
        this.endpoint = endpoint;
        this.sealed = new SealedRecords(below);
        this.surplus = new Surplus(endpoint.longestDelivery());
        this.state = endpoint.configuration().onDemand() ? State.PLAIN : State.HELLO;
    }

    @Override
    public <T> @Nullable T detail(Class<T> type) {
        return type == TlsSession.class ? type.cast(session) : below.detail(type);
    }

    /** What the last loop could not send is not forgotten. */
    @Override
    protected void onAdopted() {
        goesOn = false;
        if (sealed.isWaiting()) {
            soon(() -> onWritten(0));
        }
    }

    // ---- The handshake ----

    @Override
    public void onReady() {
        if (state == State.PLAIN) {
            above.onReady();
        } else {
            begin();
        }
    }

    /** TLS begins, but not before so many bytes have been written in plaintext. */
    void beginAfter(long plaintext) {
        plaintextLeft = plaintext;
        beginWhenDue();
    }

    private void beginWhenDue() {
        if (state == State.PLAIN && plaintextLeft == 0 && below.pending() == 0) {
            begin();
        }
    }

    /** The next byte that comes is TLS. */
    private void begin() {
        state = State.HELLO;
        handshake = new TlsHandshake(this, endpoint, loop);
        above.onStage(
                Stage.HANDSHAKE, endpoint.configuration().handshakeTimeout().toNanos());
        if (!closed) { // for want of a place for its address
            below.startReading();
        }
    }

    /** The handshake had to wait, and does no more. */
    void onTurn() {
        soon(() -> {
            if (!closed && state == State.HELLO) {
                below.startReading();
                onHello(held.take());
            }
        });
    }

    private void onHello(ByteBuffer bytes) {
        TlsHandshake beginning = Objects.requireNonNull(handshake);
        ByteBuffer records;
        try {
            records = beginning.take(bytes);
            if (records != null) {
                serverName = beginning.serverName();
                engine = beginning.open(serverName);
            }
        } catch (HelloException refused) {
            if (refused.alert() != HelloException.NO_ALERT) {
                sendAlert(refused.alert());
            }
            fail(Kind.TLS_HANDSHAKE_FAILED, refused);
            return;
        } catch (SSLException | RuntimeException fault) {
            fail(Kind.TLS_HANDSHAKE_FAILED, fault);
            return;
        }
        if (records != null) {
            state = State.HANDSHAKE;
            held.add(records);
            decrypt(bytes);
        } else if (beginning.waitsForTurn()) {
            below.stopReading();
            held.add(bytes);
        }
    }

    /** In the clear, before there is an engine that could say it. */
    private void sendAlert(int alert) {
        try {
            sealed.send(ByteBuffer.wrap(new byte[] {ALERT, 3, 3, 0, 2, 2, (byte) alert}));
        } catch (TransportException gone) {
            LOG.debug("alert not sent: {} {}", below.remoteAddress(), gone.getMessage());
        }
    }

    /** The engine wants something computed that would hold up the loop; it is not used until that is done. */
    private void compute(SSLEngine tls) {
        if (!held.isEmpty()) {
            below.stopReading();
        }
        try {
            Objects.requireNonNull(handshake).compute(tls);
        } catch (RejectedExecutionException stopping) {
            fail(Kind.TLS_HANDSHAKE_FAILED, stopping);
        }
    }

    void onComputed(@Nullable Throwable fault) {
        if (fault != null) {
            fail(Kind.TLS_HANDSHAKE_FAILED, fault);
        } else {
            below.startReading();
            decrypt(NO_BYTES[0]);
        }
    }

    private void becomeOpen(SSLEngine tls) {
        SSLSession agreed = tls.getSession();
        session = new TlsSession(
                agreed.getProtocol(),
                agreed.getCipherSuite(),
                serverName,
                Objects.requireNonNullElse(tls.getApplicationProtocol(), ""),
                tls.getWantClientAuth() || tls.getNeedClientAuth() ? peerCertificates(agreed) : List.of());
        state = State.OPEN;
        controlRecords = 0;
        endHandshake();
        goesOn = true;
        above.onReady();
        if (!closed && !reading) {
            below.stopReading();
        }
        goOn(); // with what came behind the handshake
    }

    private static List<Certificate> peerCertificates(SSLSession agreed) {
        try {
            return List.of(agreed.getPeerCertificates());
        } catch (SSLPeerUnverifiedException none) {
            return List.of();
        }
    }

    private void endHandshake() {
        TlsHandshake ending = handshake;
        if (ending != null) {
            handshake = null;
            ending.end();
        }
    }

    // ---- The way in ----

    @Override
    public void startReading() {
        reading = true;
        if (state == State.OPEN && (hasMore() || inputEnded || streamEnded || failure != null)) {
            goOnSoon();
        } else {
            below.startReading();
        }
    }

    /** A handshake goes on whatever is asked for. */
    @Override
    public void stopReading() {
        reading = false;
        if (handshake == null) {
            below.stopReading();
        }
    }

    /** Whether there is something to deliver, of what has come. */
    private boolean hasMore() {
        return !surplus.isEmpty() || held.hasRecord();
    }

    /** In a turn of its own, so that other connections have theirs. */
    private void goOnSoon() {
        if (!goesOn) {
            goesOn = true;
            soon(this::goOn);
        }
    }

    private void goOn() {
        goesOn = false;
        if (closed || !reading || state != State.OPEN) {
            return;
        }
        if (failure != null) {
            fail(failure);
        } else {
            below.startReading();
            decrypt(NO_BYTES[0]);
        }
    }

    @Override
    public void onRead(ByteBuffer bytes) {
        switch (state) {
            case PLAIN, FAILED -> above.onRead(bytes);
            case HELLO -> {
                if (Objects.requireNonNull(handshake).waitsForTurn()) {
                    held.add(bytes);
                } else {
                    onHello(bytes);
                }
            }
            case HANDSHAKE -> {
                TlsHandshake going = Objects.requireNonNull(handshake);
                if (!going.permits(bytes)) {
                    fail(Kind.TLS_ABUSE, new IOException("a handshake of too many bytes"));
                } else if (going.isComputing()) {
                    below.stopReading();
                    held.add(bytes);
                } else {
                    onRecords(bytes);
                }
            }
            case OPEN -> onRecords(bytes);
        }
    }

    private void onRecords(ByteBuffer bytes) {
        if (held.isEmpty() || held.completes(bytes)) {
            decrypt(bytes);
        }
    }

    /** The two, one behind the other, in memory of the loop. */
    private ByteBuffer input(ByteBuffer first, ByteBuffer second) {
        return loop.filterBuffers()
                .received(first.remaining() + second.remaining())
                .put(first)
                .put(second)
                .flip();
    }

    /** Why decrypting ended. */
    private enum Outcome {
        MORE,
        WANTS_INPUT,
        DELIVER_FIRST,
        COMPUTE,
        DONE,
        ENDED
    }

    /** Goes on with the handshake, or with one delivery of what has come, these bytes last. */
    private void decrypt(ByteBuffer bytes) {
        SSLEngine tls = Objects.requireNonNull(engine);
        int come = surplus.size() + held.size() + bytes.remaining();
        ByteBuffer plain = loop.filterBuffers()
                .delivered(Math.min(come, endpoint.longestDelivery())
                        + tls.getSession().getApplicationBufferSize());
        surplus.addTo(plain);
        ByteBuffer input = surplus.fills(plain) ? bytes : input(held.take(), bytes);
        Outcome outcome = Outcome.MORE;
        try {
            while (outcome == Outcome.MORE) {
                outcome = surplus.fills(plain) ? Outcome.DELIVER_FIRST : step(tls, input, plain);
            }
        } catch (TransportException broken) {
            failure = broken;
        } catch (IOException | RuntimeException wrong) {
            failure = failure(state == State.HANDSHAKE ? Kind.TLS_HANDSHAKE_FAILED : Kind.TLS_PROTOCOL_ERROR, wrong);
        }
        if (failure == null && outcome != Outcome.ENDED) {
            held.add(input);
        }
        surplus.takeFrom(plain);
        deliver(plain);
        if (closed) {
            return;
        }
        if (failure != null) {
            fail(failure);
            return;
        }
        switch (outcome) {
            case COMPUTE -> compute(tls);
            case DONE -> becomeOpen(tls);
            case DELIVER_FIRST -> goOnIfMore();
            default -> tellEnd();
        }
        uncork();
    }

    private void uncork() {
        if (closed || state == State.FAILED) {
            return;
        }
        try {
            sealed.uncork();
        } catch (TransportException broken) {
            fail(broken);
        }
    }

    private void goOnIfMore() {
        if (hasMore()) {
            goOnSoon();
        } else {
            tellEnd();
        }
    }

    /** A callback may do anything, also not return. */
    private void deliver(ByteBuffer plain) {
        if (plain.position() > 0) {
            above.onRead(plain.flip());
        }
    }

    private Outcome step(SSLEngine tls, ByteBuffer input, ByteBuffer plain) throws IOException {
        switch (tls.getHandshakeStatus()) {
            case NEED_TASK:
                if (handshake == null) {
                    TlsHandshake.run(tls); // after the handshake they are short
                    return Outcome.MORE;
                }
                return handshake.computesHere(tls) ? Outcome.MORE : Outcome.COMPUTE;
            case NEED_WRAP:
                countControlRecord();
                // Where more has come, as the first request may have with the end of the handshake, there may be an
                // answer to it.
                boolean isCorked = state == State.HANDSHAKE && input.hasRemaining();
                return sendControl(tls, isCorked) ? Outcome.MORE : Outcome.WANTS_INPUT;
            case NOT_HANDSHAKING:
            case FINISHED:
                return state == State.HANDSHAKE ? Outcome.DONE : unwrap(tls, input, plain);
            default:
                return unwrap(tls, input, plain);
        }
    }

    private Outcome unwrap(SSLEngine tls, ByteBuffer input, ByteBuffer plain) throws IOException {
        if (inputEnded) {
            return Outcome.ENDED;
        }
        if (input.remaining() < HeldRecords.HEADER) {
            return Outcome.WANTS_INPUT;
        }
        int length = HeldRecords.length(input, input.position());
        if (input.remaining() < length && length <= HeldRecords.LONGEST) {
            return Outcome.WANTS_INPUT;
        }
        if (state == State.OPEN && isOfTls12(tls)) {
            int type = input.get(input.position());
            if (type == HANDSHAKE) {
                throw refuseRenegotiation(tls, input, plain);
            }
            if (type == ALERT && plain.position() > 0) {
                return Outcome.DELIVER_FIRST; // an end here ends our side too, and there may be answers to send
            }
        }
        SSLEngineResult result = tls.unwrap(input, plain);
        return switch (result.getStatus()) {
            case OK -> {
                count(result);
                yield Outcome.MORE;
            }
            case CLOSED -> {
                inputEnded = true;
                while (tls.getHandshakeStatus() == HandshakeStatus.NEED_WRAP && sendControl(tls, false)) {
                    countControlRecord(); // in TLS 1.2 the engine answers with an end of its own
                }
                if (state == State.HANDSHAKE) {
                    throw new SSLException("the peer ended the connection during the handshake");
                }
                yield Outcome.ENDED;
            }
            case BUFFER_UNDERFLOW, BUFFER_OVERFLOW ->
                throw new SSLException(
                        "a record of " + length + " bytes that the engine cannot take: " + result.getStatus());
        };
    }

    /**
     * Has the engine say no, by a fatal handshake_failure. A close_notify would be no answer: {@code openssl s_client} takes it
     * for leave.
     */
    private static TransportException refuseRenegotiation(SSLEngine tls, ByteBuffer input, ByteBuffer plain) {
        IOException why = new IOException("renegotiation");
        try {
            tls.setEnabledCipherSuites(NO_SUITE);
            tls.unwrap(input, plain);
            TlsHandshake.run(tls);
            tls.wrap(NO_BYTES, ByteBuffer.allocate(0)); // says what the task has thrown
        } catch (IOException | RuntimeException refused) {
            why.addSuppressed(refused);
        }
        return failure(Kind.TLS_ABUSE, why);
    }

    private static boolean isOfTls12(SSLEngine tls) {
        return tls.getSession().getProtocol().equals("TLSv1.2");
    }

    private void count(SSLEngineResult result) throws IOException {
        if (result.bytesProduced() > 0) {
            if (state != State.OPEN) {
                throw new SSLException("data before the handshake is done");
            }
            controlRecords = 0;
        } else if (result.bytesConsumed() == 0) {
            throw new SSLException("the engine makes no progress: " + result);
        } else {
            countControlRecord();
        }
    }

    /** Also of those that the engine answers with, so that nothing goes on for ever. */
    private void countControlRecord() throws TransportException {
        if (++controlRecords > (state == State.OPEN ? MOST_CONTROL_RECORDS : TlsHandshake.MOST_RECORDS)) {
            throw failure(Kind.TLS_ABUSE, new IOException(controlRecords + " records without data"));
        }
    }

    @Override
    public void onEnd() {
        switch (state) {
            case PLAIN, FAILED -> above.onEnd();
            case HELLO, HANDSHAKE -> {
                if (Objects.requireNonNull(handshake).hasBegun()) {
                    fail(Kind.TLS_HANDSHAKE_FAILED, new IOException("the stream ended within the handshake"));
                } else {
                    above.onEnd();
                }
            }
            case OPEN -> {
                streamEnded = true;
                goOnIfMore();
            }
        }
    }

    /** Also one by close_notify waits until it is asked for, as a FIN does. */
    private void tellEnd() {
        if (endTold || !(streamEnded || inputEnded && reading)) {
            return;
        }
        endTold = true;
        if (inputEnded) {
            above.onEnd();
        } else {
            above.onFailed(failure(Kind.TRUNCATED, new IOException("end without close_notify")));
        }
    }

    // ---- The way out ----

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        return switch (state) {
            case PLAIN -> plaintextLeft < 0 ? below.write(buffers, count) : writePlaintext(buffers, count);
            case HELLO, HANDSHAKE -> 0;
            case OPEN -> failure == null ? encrypt(Objects.requireNonNull(engine), buffers, count) : 0;
            case FAILED -> throw failure(Kind.RESET, new IOException("the secure connection has failed"));
        };
    }

    /** No byte more than was written before TLS was asked for. */
    private long writePlaintext(ByteBuffer[] buffers, int count) throws TransportException {
        long before = plaintextLeft;
        boolean isAllTaken = below.pending() == 0;
        for (int i = 0; i < count && isAllTaken && plaintextLeft > 0; i++) {
            ByteBuffer buffer = buffers[i];
            int limit = buffer.limit();
            buffer.limit((int) Math.min(limit, buffer.position() + plaintextLeft));
            try {
                plaintextLeft -= sealed.hand(buffer);
                isAllTaken = !buffer.hasRemaining() && below.pending() == 0;
            } finally {
                buffer.limit(limit);
            }
        }
        beginWhenDue();
        return before - plaintextLeft;
    }

    private long encrypt(SSLEngine tls, ByteBuffer[] buffers, int count) throws TransportException {
        if (tls.isOutboundDone()) {
            throw failure(Kind.RESET, new IOException("the peer has ended the secure connection"));
        }
        long taken = 0;
        for (int first = 0; first < count && sealed.hasGone(); ) {
            if (buffers[first].hasRemaining()) {
                taken += encryptSome(tls, buffers, first, count);
            } else {
                first++;
            }
        }
        return taken;
    }

    private int encryptSome(SSLEngine tls, ByteBuffer[] buffers, int first, int count) throws TransportException {
        int packet = tls.getSession().getPacketBufferSize();
        ByteBuffer out = loop.filterBuffers().sent(SENT_AT_ONCE + packet);
        int taken = 0;
        try {
            while (out.remaining() >= packet) {
                SSLEngineResult result = tls.wrap(buffers, first, count - first, out);
                taken += result.bytesConsumed();
                if (result.getStatus() != Status.OK) {
                    throw failure(Kind.RESET, new IOException("the secure connection has ended"));
                }
                if (result.bytesProduced() == 0 || !hasRemaining(buffers, first, count)) {
                    break;
                }
            }
        } catch (SSLException | RuntimeException fault) {
            throw failure(Kind.OTHER, fault);
        }
        sealed.send(out.flip(), taken);
        return taken;
    }

    private static boolean hasRemaining(ByteBuffer[] buffers, int first, int count) {
        for (int i = first; i < count; i++) {
            if (buffers[i].hasRemaining()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Sends what the engine has to say for itself: all records of a flight at once, since each write costs more than its bytes.
     *
     * @param isCorked whether it may wait for what comes next, until {@link #uncork}
     * @return whether that was anything
     */
    private boolean sendControl(SSLEngine tls, boolean isCorked) throws IOException {
        int packet = tls.getSession().getPacketBufferSize();
        ByteBuffer out = loop.filterBuffers().sent(SENT_AT_ONCE + packet);
        SSLEngineResult result;
        do {
            result = tls.wrap(NO_BYTES, out);
            if (result.getStatus() == Status.BUFFER_OVERFLOW) {
                throw new SSLException("a record that does not fit into the engine's own size");
            }
        } while (result.bytesProduced() > 0
                && result.getHandshakeStatus() == HandshakeStatus.NEED_WRAP
                && out.remaining() >= packet);
        boolean isAnything = out.position() > 0;
        if (isAnything && isCorked) {
            sealed.cork(out.flip());
        } else if (isAnything) {
            sealed.sendAnswer(out.flip());
        }
        return isAnything;
    }

    @Override
    public long pending() {
        return state == State.PLAIN ? below.pending() : sealed.pendingPlaintext();
    }

    @Override
    public void onWritten(long bytes) {
        if (state == State.PLAIN) {
            above.onWritten(bytes);
            beginWhenDue();
            return;
        }
        long gone;
        try {
            gone = sealed.onWritten();
            if (finDue && !sealed.isWaiting()) {
                finDue = false;
                below.shutdownOutput();
            }
        } catch (TransportException broken) {
            above.onFailed(broken);
            return;
        }
        if (state == State.OPEN) {
            above.onWritten(gone);
        }
    }

    // ---- The end ----

    @Override
    public void shutdownOutput() throws TransportException {
        if (outputEnded) {
            return;
        }
        outputEnded = true;
        SSLEngine tls = engine;
        boolean isFree = handshake == null || !handshake.isComputing();
        if (tls != null && isFree) {
            try {
                tls.closeOutbound();
                for (int i = 0; i < MOST_CONTROL_RECORDS && !tls.isOutboundDone() && sendControl(tls, false); i++) {
                    // an alert, which a record or two go before
                }
            } catch (TransportException broken) {
                throw broken;
            } catch (IOException | RuntimeException fault) {
                throw failure(Kind.OTHER, fault);
            }
        }
        if (sealed.isWaiting()) {
            finDue = true;
        } else {
            below.shutdownOutput();
        }
    }

    private static TransportException failure(Kind kind, Exception cause) {
        return new TransportException(kind, cause instanceof IOException io ? io : new IOException(cause));
    }

    void fail(Kind kind, Throwable cause) {
        fail(failure(kind, cause instanceof Exception exception ? exception : new IOException(cause)));
    }

    /** Tells the peer, by the engine's own alert where there is one, then the connection. */
    private void fail(TransportException cause) {
        LOG.debug("TLS ends: peer={} {} {}", below.remoteAddress(), cause.kind(), cause.getMessage());
        if (cause.kind() != Kind.RESET && cause.kind() != Kind.UNREACHABLE) {
            endOutput("alert");
        }
        state = State.FAILED;
        held.clear();
        surplus.clear();
        endHandshake();
        above.onFailed(cause);
    }

    private void endOutput(String last) {
        try {
            shutdownOutput();
        } catch (TransportException gone) {
            LOG.debug("{} not sent: {} {}", last, below.remoteAddress(), gone.getMessage());
        }
    }

    /** An end of ours is never left out, unless the connection is reset. */
    @Override
    public void close() {
        if (!closed && state == State.OPEN) {
            endOutput("close_notify");
        }
        super.close();
        endHandshake();
    }
}
