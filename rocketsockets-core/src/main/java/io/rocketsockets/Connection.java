package io.rocketsockets;

import io.rocketsockets.engine.Filter;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import io.rocketsockets.tls.TlsEndpoint;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One accepted connection: its session, what it reads and the bytes not yet written.
 *
 * <p><b>Threading:</b> confined to the {@link EventLoop} that owns it; applications reach it from any thread through its
 * {@link ConnectionHandle}. Callbacks run between the steps of a turn, never inside a
 * call of the application.
 * <p><b>State:</b> {@code OPEN -> DRAINING -> LINGERING -> CLOSED}, where each step may be left out. DRAINING sends what
 * is queued, then FIN; LINGERING discards what the peer still sends, since closing with unread input would reset the
 * connection and destroy what the peer has not read yet (RFC 1122, 4.2.2.13; nginx calls it lingering close).
 * <p><b>Failure:</b> whatever a callback throws closes this connection, never the loop.
 */
final class Connection implements TransportHandler {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    /** A peer that sends nothing for this long after our FIN has nothing under way. */
    private static final long LINGER_SILENT_NANOS = 100_000_000;

    /** One that was sending may have lost a segment: Linux retransmits after 200 ms at least, and again after 400 (RFC 6298). */
    private static final long LINGER_QUIET_NANOS = 1_000_000_000;

    /** However much the peer goes on sending. */
    private static final long LINGER_NANOS = 2_000_000_000;

    /** By then what a peer sent with its connect, or right behind it, has come. */
    private static final long NEW_NANOS = 50_000_000;

    private enum State {
        OPEN,
        DRAINING,
        LINGERING,
        CLOSED
    }

    // Immutable.
    private final EndpointConfiguration endpoint;
    private final Connections connections;
    private final Transport transport;
    private final ConnectionHandle handle;

    /** Where the application may go on with TLS, or null. */
    private final @Nullable Upgrade upgrade;

    // Loop thread only.
    private EventLoop loop;
    private @Nullable EventLoop target;

    /** One of the loop's while something is queued: of an idle connection there is none. */
    private WriteQueue queue = WriteQueue.NONE;

    /** Set by {@link #onAdopted}. */
    @SuppressWarnings("NullAway.Init")
    private Deadlines deadlines;

    /** Whether {@link Admission} has counted it for its address; not while that is not known. */
    private boolean addressIsCounted;

    private State state = State.OPEN;

    /** A filter waits for its peer: nothing is read, written or moved. */
    private boolean preparing;

    private @Nullable SocketSession session;
    private @Nullable WireTap tap;
    private @Nullable Linger linger;
    private int readsAsked;
    private int deliveries;
    private boolean flowing;
    private boolean reading;
    private boolean congested;
    private boolean blocked;
    private boolean inputEnded;
    private boolean handling;
    private boolean outputEnds;
    private boolean outputEnded;
    private boolean delivering;
    private boolean isDirty;

    private boolean isMarkedClosed;
    private boolean isCounted;

    @Nullable
    Connection nextDirty;

    @Nullable
    Connection nextClosed;

    Connection(
            EndpointConfiguration endpoint,
            Connections connections,
            Transport transport,
            @Nullable SocketAddress countedFor,
            EventLoop loop) {
        this.endpoint = endpoint;
        this.connections = connections;
        this.transport = transport;
        this.addressIsCounted = countedFor != null;
        this.upgrade = endpoint.secure() && endpoint.tls().onDemand() ? new Upgrade() : null;
        this.loop = loop;
        this.handle = connections.handlers == null
                ? new ConnectionHandle(this, endpoint.timeouts(), loop)
                : new BlockingHandle(this, endpoint.timeouts(), loop, connections.handlers);
    }

    ConnectionHandle handle() {
        return handle;
    }

    /** Any thread. */
    EndpointConfiguration endpoint() {
        return endpoint;
    }

    /** Any thread. */
    Transport transport() {
        return transport;
    }

    /** Of which it is, on the thread of that. */
    EventLoop loop() {
        return loop;
    }

    /** For whom {@link Admission} has counted it, or null. */
    @Nullable
    SocketAddress countedFor() {
        return addressIsCounted ? handle.remoteAddress() : null;
    }

    // ---- The way in ----

    /** The loop takes the connection over, and opens its session unless a filter has to get ready first. */
    void onAdopted() {
        assert loop.inLoop();
        if (loop.isStopping()) {
            turnAway();
            return;
        }
        deadlines = new Deadlines(this);
        connections.add(this);
        loop.opened();
        delivering = true;
        try {
            connections.listener.onOpened(handle);
            deadlines.watch();
            Filter.adopt(transport, loop, this);
        } catch (TransportException failure) {
            delivering = false;
            onFailed(failure);
            return;
        } catch (Throwable fault) { // out of memory, most likely: nothing would ever wake what the engine does not know
            delivering = false;
            terminate(CloseReason.ERROR);
            throw fault;
        }
        if (!(transport instanceof Filter)) {
            openSession();
        }
    }

    @Override
    public void onStage(Stage stage, long limitNanos) {
        preparing = true;
        if (stage == Stage.HANDSHAKE && !countAddress()) {
            return;
        }
        deadlines.preparing(
                stage == Stage.HANDSHAKE ? CloseReason.TIMEOUT_HANDSHAKE : CloseReason.TIMEOUT_PROXY, limitNanos);
    }

    @Override
    public void onReady() {
        assert loop.inLoop();
        preparing = false;
        deadlines.ready();
        if (!countAddress()) {
            return;
        }
        if (session == null) {
            openSession();
        } else { // it was TLS that was asked for
            Objects.requireNonNull(upgrade).isUnderWay = false;
            blocked = false;
            updateReading();
            markDirty();
        }
    }

    /** What a proxy had to say of the address it has said by now. False when the limit of that has ended the connection. */
    private boolean countAddress() {
        if (!addressIsCounted) {
            addressIsCounted = connections.admission.enterFrom(handle.remoteAddress());
            if (!addressIsCounted) {
                abort(CloseReason.LIMIT_ADDRESS);
            }
        }
        return addressIsCounted;
    }

    private void openSession() {
        delivering = true;
        LoopThread caller = beginCall();
        boolean failed = false;
        try {
            session = Objects.requireNonNull(
                    handle.open(connections.sessions), "SocketSessionFactory.open returned null");
        } catch (Throwable fault) {
            failed = logCallback("opening its session", fault);
        }
        endCall(caller, failed);
        afterCallback();
        handle.afterCallbacks(this::warnOfIdleSession);
    }

    private void warnOfIdleSession() {
        if (state == State.OPEN && !reading && !handling && queue.isIdle()) {
            connections.warnOfIdleSession(this);
        }
    }

    /** The server stops before the loop could take the connection over. */
    private void turnAway() {
        loop.meter.turnedAway(CloseReason.STOPPED);
        connections.listener.onRefused(endpoint.name(), transport.remoteAddress(), CloseReason.STOPPED);
        connections.turnAway(this);
        Faults.close(LOG, handle, transport::close);
    }

    /** The way to a loop other than the acceptor's. */
    final class Adoption extends Mailbox.Message {
        @Override
        void deliver() {
            loop.cameAsExpected();
            onAdopted();
        }

        @Override
        void refuse() {
            turnAway();
        }
    }

    /** At the beginning and the end of each object that a read takes; of the application's its class. */
    @Override
    public int lookAhead() {
        int seen = readsAsked + (isMarkedClosed ? 1 : 0) + deadlines.lookAhead() + handle.lookAhead();
        return session instanceof CallbackSessions.CallbackSession ? seen + 1 : seen;
    }

    @Override
    public void onRead(ByteBuffer bytes) {
        assert loop.inLoop();
        int count = bytes.remaining();
        deliveries++;
        loop.meter.read(count);
        deadlines.read(count);
        if (tap != null) {
            show(WireTap.Direction.IN, List.of(bytes), count);
        }
        SocketSession receiver = session;
        if (state != State.OPEN || receiver == null) {
            if (linger != null) {
                linger.heard();
            }
            return;
        }
        if (readsAsked > 0) {
            readsAsked--;
        }
        // A view of its own for each callback: it dies with it, and what an application keeps never shows other data.
        ByteBuffer view;
        try {
            view = bytes.slice();
        } catch (OutOfMemoryError full) { // these bytes are lost, and the stream with them
            abort(CloseReason.ERROR);
            throw full;
        }
        delivers(view);
        loop.beginDelivery();
        delivering = true;
        LoopThread caller = beginCall();
        boolean failed = false;
        try {
            receiver.onBytes(view);
        } catch (Throwable fault) {
            failed = logCallback("delivering " + count + " bytes", fault);
        }
        view.limit(0);
        endCall(caller, failed);
        afterDelivery();
        loop.endDelivery();
    }

    /** A callback is about to be given these bytes, on this thread. */
    void delivers(ByteBuffer view) {
        if (upgrade != null) {
            upgrade.delivered = view;
            upgrade.deliverer = Thread.currentThread();
        }
    }

    @Override
    public void onEnd() {
        assert loop.inLoop();
        inputEnded = true;
        SocketSession receiver = session;
        if (state == State.LINGERING || preparing) {
            terminate(CloseReason.PEER_CLOSED);
        } else if (state == State.OPEN && endpoint.halfClose() && receiver != null) {
            endInput(receiver);
        } else {
            drainAfterCallbacks(CloseReason.PEER_CLOSED);
        }
    }

    /** Nothing more will come; what has come is worked on first. */
    private void drainAfterCallbacks(CloseReason reason) {
        updateReading();
        handle.afterCallbacks(() -> drain(reason));
    }

    /** The peer has ended its side; the application may go on with its own. */
    private void endInput(SocketSession receiver) {
        delivering = true;
        LoopThread caller = beginCall();
        boolean failed = false;
        try {
            receiver.onInputEnd();
        } catch (Throwable fault) {
            failed = logCallback("ending its input", fault);
        }
        endCall(caller, failed);
        updateReading();
        markDirty();
    }

    @Override
    public void onFailed(TransportException cause) {
        assert loop.inLoop();
        switch (cause.kind()) {
            case RESET -> {
                if (!queue.isEmpty()) {
                    handle.endUncleanly(CloseReason.PEER_RESET);
                }
                terminate(CloseReason.PEER_RESET);
            }
            case UNREACHABLE -> terminate(CloseReason.PEER_UNREACHABLE);
            case PROXY_INVALID -> terminate(CloseReason.PROXY_INVALID);
            case PROXY_UNTRUSTED -> abort(CloseReason.PROXY_UNTRUSTED);
            case TRUNCATED -> onTruncated();
            case TLS_HANDSHAKE_FAILED -> hangUp(CloseReason.TLS_HANDSHAKE_FAILED);
            case TLS_PROTOCOL_ERROR -> hangUp(CloseReason.TLS_PROTOCOL_ERROR);
            case TLS_ABUSE -> hangUp(CloseReason.TLS_ABUSE);
            case LIMIT_HANDSHAKES -> hangUp(CloseReason.LIMIT_HANDSHAKES);
            case OTHER -> {
                if (state != State.CLOSED) {
                    Faults.log(LOG, "socket failed: " + handle.idAndEndpoint(), cause);
                }
                terminate(CloseReason.ERROR);
            }
        }
    }

    /** Who went without saying so gets what is queued, like who said so; the application is not told of an end. */
    private void onTruncated() {
        inputEnded = true;
        if (state == State.LINGERING) {
            terminate(CloseReason.PEER_TRUNCATED);
        } else {
            drainAfterCallbacks(CloseReason.PEER_TRUNCATED);
        }
    }

    /** A filter has told the peer why, and ended our side: closing at once could destroy that on its way. */
    private void hangUp(CloseReason reason) {
        if (state == State.OPEN || state == State.DRAINING) {
            if (!queue.isEmpty()) {
                handle.endUncleanly(reason);
            }
            handle.end(reason);
            state = State.LINGERING;
            deadlines.ready();
            queue.drop(loop.buffers);
            publish(0);
            outputEnded = true;
            updateReading();
            linger();
        }
    }

    // ---- Calling the application ----

    /** The application's code follows: the thread is outside the loop, which others may take from it. */
    private LoopThread beginCall() {
        LoopThread caller = loop.thread();
        caller.leaveFor(this);
        return caller;
    }

    /** The application's code has returned. Where another thread has taken the loop over, it does the rest. */
    private void endCall(LoopThread caller, boolean failed) {
        if (!caller.comeBack()) {
            loop.comesBack(this, new Return(failed));
            throw LoopThread.TAKEN_OVER;
        }
        delivering = false;
        if (failed) {
            drain(CloseReason.HANDLER_FAILED);
        }
    }

    /** True: it has failed. Outside the loop, since the log may hang as well. */
    boolean logCallback(String doing, Throwable fault) {
        logFault(connections.callbackLog, "callback threw and its socket is closed", doing, fault);
        return true;
    }

    private void logFault(LogLimit limit, String what, String doing, Throwable fault) {
        if (limit.permits()) {
            Faults.log(LOG, line(limit, what, doing), fault);
        }
    }

    private String line(LogLimit limit, String what, String doing) {
        try {
            return what + ": " + handle.idAndEndpoint() + " " + doing + limit.leftOut();
        } catch (OutOfMemoryError full) {
            return what;
        }
    }

    /** A small reply may wait for those of other sockets, but not where a filter has something that is to go with it. */
    private void afterDelivery() {
        boolean mayWait = state == State.OPEN && queue.hasLittle() && !(transport instanceof Filter);
        if (mayWait && loop.replyWaits()) {
            markDirty();
            updateReading();
        } else {
            afterCallback();
        }
    }

    /** What the callback asked for takes effect, once. */
    private void afterCallback() {
        if (!queue.isIdle() || state == State.DRAINING) {
            flush();
        }
        updateReading();
    }

    private void updateReading() {
        boolean wanted = state == State.OPEN
                && (upgrade == null || !upgrade.isUnderWay)
                && (flowing || readsAsked > 0)
                && !congested
                && !inputEnded
                && !handling;
        if (wanted != reading) {
            reading = wanted;
            deadlines.reading(wanted);
            if (wanted) {
                transport.startReading();
            } else {
                transport.stopReading();
            }
        }
    }

    // ---- The way out ----

    void onWrite(ByteBuffer bytes, @Nullable Runnable onComplete, @Nullable Consumer<? super Throwable> onException) {
        if (queue.unsentBytes() >= connections.writeQueueLimit) {
            send(); // what the kernel would take at once is not in the way
        }
        if (state != State.OPEN || outputEnds) {
            if (onException != null) {
                reject(onException, handle.closedException());
            }
            return;
        }
        if (queue.unsentBytes() >= connections.writeQueueLimit) {
            WriteQueueFullException full =
                    new WriteQueueFullException("write refused: " + handle.idAndEndpoint() + " unsent="
                            + queue.unsentBytes() + " >= writeQueueLimit=" + connections.writeQueueLimit
                            + "; wait for onComplete before writing more, or raise the limit");
            if (onException != null) {
                reject(onException, full);
            } else {
                abort(CloseReason.LIMIT_WRITE_QUEUE);
            }
            return;
        }
        if (queue == WriteQueue.NONE) {
            queue = loop.buffers.queue();
        }
        // While a read is delivered a direct buffer may be a view of the engine's receive buffer.
        boolean isBorrowed = loop.isDelivering() && bytes.isDirect();
        if (queue.add(bytes, isBorrowed, loop.buffers) && isBorrowed) {
            loop.markBorrowed();
        }
        if (onComplete != null && onException != null) {
            queue.whenTaken(onComplete, onException, loop.buffers);
        }
        if (!delivering) {
            markDirty();
        }
    }

    private void markDirty() {
        if (!isDirty && state != State.CLOSED) {
            isDirty = true;
            loop.markDirty(this);
        }
    }

    /** The loop's flush step. */
    void onFlush() {
        isDirty = false;
        if (!handle.isHere()) {
            return; // a callback hangs
        }
        flush();
        updateReading();
    }

    private void flush() {
        if (state == State.CLOSED) {
            return;
        }
        send();
        if (blocked) {
            keep();
        }
        afterProgress();
    }

    /** What the kernel did not take must not stay in memory that is used again. */
    private void keep() {
        try {
            queue.keep(loop.buffers);
        } catch (OutOfMemoryError full) {
            logFault(connections.callbackLog, "socket failed and is closed", "keeping unsent bytes", full);
            abort(CloseReason.ERROR);
        }
    }

    /** Hands the kernel what it takes; runs no callback. */
    private void send() {
        if (blocked || preparing || outputEnded || state == State.CLOSED || queue == WriteQueue.NONE) {
            return;
        }
        long before = queue.unsentBytes();
        long handedOver = queue.handedOver();
        List<ByteBuffer> offered = tap == null ? List.of() : queue.views();
        try {
            blocked = !queue.flush(transport, loop.buffers);
        } catch (TransportException broken) {
            onFailed(broken);
        } catch (RuntimeException | Error fault) { // what the kernel has taken is not known any more
            logFault(connections.callbackLog, "socket failed and is closed", "writing", fault);
            abort(CloseReason.ERROR);
        }
        wrote(before - queue.unsentBytes());
        if (tap != null && queue.handedOver() > handedOver) {
            show(WireTap.Direction.OUT, offered, (int) (queue.handedOver() - handedOver));
        }
    }

    private void wrote(long count) {
        loop.meter.wrote(count);
        deadlines.wrote(count);
        if (count > 0 && queue.counted > 0) {
            handle.tookSome();
        }
    }

    @Override
    public void onWritten(long count) {
        assert loop.inLoop();
        if (outputEnded) {
            return; // what a filter still had of the bytes that hanging up has dropped
        }
        if (queue != WriteQueue.NONE) { // which all share
            queue.advance(count);
        }
        wrote(count);
        publish(queue.unsentBytes());
        blocked = false;
        flush();
        updateReading();
    }

    private void afterProgress() {
        complete();
        if (state == State.CLOSED) {
            return;
        }
        long left = queue.unsentBytes();
        if (!queue.isUnderWay()) { // else the kernel has not refused anything yet
            publish(left);
        }
        congested(left > (congested ? connections.lowWaterMark : connections.highWaterMark));
        if (queue.isEmpty() && (state == State.DRAINING || outputEnds)) {
            endOutput();
        }
        if (queue.isDone()) {
            releaseQueue();
        }
    }

    private void releaseQueue() {
        if (queue != WriteQueue.NONE) {
            loop.buffers.release(queue);
            queue = WriteQueue.NONE;
        }
    }

    private void congested(boolean isNow) {
        if (isNow != congested) {
            congested = isNow;
            if (isNow) {
                connections.listener.onBackPressureBegins(handle);
            } else {
                connections.listener.onBackPressureEnds(handle);
            }
        }
    }

    private void publish(long unsent) {
        handle.publishUnsent(unsent);
        long counted = queue.counted;
        if (unsent != counted) {
            // Beyond the limit it is one write of the application's, whose memory it is.
            long more = Math.min(unsent, connections.writeQueueLimit) - Math.min(counted, connections.writeQueueLimit);
            queue.counted = unsent;
            deadlines.waiting(unsent > 0);
            connections.budget.account(more, this);
        }
    }

    /** Tells the writes that are done; those that their callbacks add, empty ones too, wait for the next flush. */
    private void complete() {
        Completion last = queue.lastDue();
        boolean more = true;
        for (Completion done = queue.pollDone(); done != null; done = more ? queue.pollDone() : null) {
            more = done != last;
            Runnable onComplete = Objects.requireNonNull(done.onComplete);
            loop.buffers.release(done);
            LoopThread caller = beginCall();
            boolean failed = false;
            try {
                onComplete.run();
            } catch (Throwable fault) {
                failed = logCallback("completing a write", fault);
            }
            endCall(caller, failed);
        }
    }

    void onTap(@Nullable WireTap wanted) {
        tap = wanted;
    }

    /** A copy of the first {@code count} bytes of these. */
    private void show(WireTap.Direction direction, List<ByteBuffer> views, int count) {
        try {
            ByteBuffer copy = ByteBuffer.allocate(count);
            for (ByteBuffer view : views) {
                int n = Math.min(view.remaining(), copy.remaining());
                copy.put(copy.position(), view, view.position(), n).position(copy.position() + n);
            }
            Objects.requireNonNull(tap).onBytes(handle, direction, Instant.now(), copy.flip());
        } catch (Throwable fault) {
            tap = null;
            logFault(connections.callbackLog, "wire tap threw and is taken off", "showing " + count + " bytes", fault);
        }
    }

    private void endOutput() {
        if (inputEnded) {
            terminate(CloseReason.PEER_CLOSED);
            return;
        }
        try {
            if (!outputEnded) {
                outputEnded = true;
                transport.shutdownOutput();
            }
        } catch (TransportException broken) {
            onFailed(broken);
            return;
        }
        if (state == State.DRAINING) {
            state = State.LINGERING;
            linger();
        }
    }

    private void linger() {
        linger = new Linger();
        transport.startReading();
    }

    /** Waits for the peer to fall silent after our FIN. */
    final class Linger extends TimerWheel.Timer {
        private final long end = loop.now() + LINGER_NANOS;

        Linger() {
            loop.timers.set(this, loop.now() + LINGER_SILENT_NANOS);
        }

        void heard() {
            long quiet = loop.now() + LINGER_QUIET_NANOS;
            loop.timers.set(this, quiet - end < 0 ? quiet : end);
        }

        @Override
        void fire() {
            terminate(CloseReason.CLOSED);
        }
    }

    // ---- The end ----

    /** Sends what is queued, then ends. */
    private void drain(CloseReason reason) {
        if (preparing && session == null) {
            terminate(reason);
        } else if (state == State.OPEN) {
            state = State.DRAINING;
            handle.end(reason);
            updateReading();
            markDirty();
        }
    }

    private void abort(CloseReason reason) {
        if (state != State.CLOSED) {
            if (!queue.isEmpty()) {
                handle.endUncleanly(reason);
            }
            Faults.close(LOG, handle, transport::reset);
            terminate(reason);
        }
    }

    /** Ends at once; callbacks that are still due run when the loop reaps. */
    void terminate(CloseReason reason) {
        if (state != State.CLOSED) {
            state = State.CLOSED;
            handle.end(reason);
            if (linger != null) {
                loop.timers.cancel(linger);
            }
            loop.timers.cancel(deadlines);
            markClosed();
            Faults.close(LOG, handle, transport::close);
        }
    }

    private void markClosed() {
        if (!isMarkedClosed) {
            isMarkedClosed = true;
            loop.markClosed(this);
        }
    }

    /** The server stops: the socket drains, or ends with the grace. */
    void stopWithServer() {
        handle.post(() -> handle.afterCallbacks(this::stopUnlessNew)); // after what other threads have asked for before
    }

    /** Who has only just come is heard first: it could not know, and what it sends with its connect is on its way. */
    private void stopUnlessNew() {
        long left = NEW_NANOS - deadlines.age();
        if (left > 0) {
            loop.timers.set(new Stop(), loop.now() + left);
        } else {
            drain(CloseReason.STOPPED);
        }
    }

    private final class Stop extends TimerWheel.Timer {
        @Override
        void fire() {
            if (state == State.OPEN) {
                stopWithServer();
            }
        }
    }

    void onGraceEnds() {
        if (queue.isEmpty() && !handling) {
            terminate(CloseReason.STOPPED);
        } else if (state != State.CLOSED) {
            handle.force();
            abort(CloseReason.STOP_FORCED);
        }
    }

    /** A deadline is over. A peer that takes nothing is not waited for any longer; others get what is queued. */
    void onOverdue(CloseReason reason) {
        switch (reason) {
            case TIMEOUT_FIRST_BYTE, TIMEOUT_READ, TIMEOUT_IDLE, TIMEOUT_LIFETIME -> {
                if (state == State.OPEN) {
                    drain(reason);
                    deadlines.watch();
                    return;
                }
            }
            default -> {}
        }
        abort(reason);
    }

    /** The server had too much queued and this connection the most of it; by now its peer may have taken it. */
    void onShed(Runnable done) {
        if (!queue.isEmpty()) {
            abort(CloseReason.LIMIT_MEMORY);
            queue.drop(loop.buffers); // memory now, not at the end of the turn
        }
        publish(0);
        done.run();
    }

    boolean isOpen() {
        return state == State.OPEN;
    }

    /** From the stopping thread, when the loop hangs in a callback. */
    void abandon() {
        handle.force();
        Faults.close(LOG, handle, transport::reset);
    }

    /** The last step of a closed connection: its last callbacks. One that hung is not called again. */
    void onReaped() {
        isMarkedClosed = false;
        if (!handle.isHere()) {
            return; // a callback hangs
        }
        for (Completion due = queue.pollDue(); due != null; due = queue.pollDue()) {
            Consumer<? super Throwable> onException = Objects.requireNonNull(due.onException);
            loop.buffers.release(due);
            tell(onException, handle.closedException());
        }
        queue.drop(loop.buffers);
        publish(0);
        long notSent = queue.dropped();
        releaseQueue();
        congested(false);
        CloseReason reason = handle.closeReason().orElseThrow();
        if (!isCounted) {
            isCounted = true;
            loop.meter.closed(reason);
        }
        SocketSession ending = session;
        if (ending != null) {
            session = null;
            LoopThread caller = beginCall();
            try {
                ending.onClose();
            } catch (Throwable fault) {
                logCloseAction(fault);
            }
            endCall(caller, false);
        }
        if (loop.isStopping()) {
            boolean forced = notSent > 0 || reason == CloseReason.STOP_FORCED;
            loop.reportStopped(forced ? ShutdownReport.forced(handle, notSent) : ShutdownReport.DRAINED);
        }
        connections.listener.onClosed(handle, reason, deadlines.bytesRead(), deadlines.bytesWritten());
        connections.remove(this); // its place is free when its last callback has run
        loop.reaped();
    }

    private void reject(Consumer<? super Throwable> onException, Exception cause) {
        loop.reject(new Rejection(onException, cause)::tellOrWait);
    }

    /** A write that was refused: its failure is told when no callback of the connection is under way. */
    private final class Rejection extends Mailbox.Message {
        private final Consumer<? super Throwable> onException;
        private final Exception cause;

        Rejection(Consumer<? super Throwable> onException, Exception cause) {
            this.onException = onException;
            this.cause = cause;
        }

        /** The loop's reap step. */
        void tellOrWait() {
            if (handle.isHere()) {
                tell(onException, cause);
            } else {
                handle.post(this); // a callback hangs
            }
        }

        @Override
        void deliver() {
            loop.reject(this::tellOrWait);
        }

        @Override
        void refuse() {
            tellElsewhere(onException, cause);
        }
    }

    private void tell(Consumer<? super Throwable> onException, Exception cause) {
        LoopThread caller = beginCall();
        boolean failed = false;
        try {
            onException.accept(cause);
        } catch (Throwable fault) {
            failed = logOnException(cause, fault);
        }
        endCall(caller, failed);
    }

    /** Never on the caller's stack; the loop has ended. */
    void tellElsewhere(Consumer<? super Throwable> onException, Exception cause) {
        EventLoop.rejectElsewhere(() -> {
            try {
                onException.accept(cause);
            } catch (Throwable fault) {
                logOnException(cause, fault);
            }
        });
    }

    boolean logOnException(Throwable cause, Throwable fault) {
        logFault(connections.onExceptionLog, "onException threw", "telling it of: " + cause, fault);
        return true;
    }

    void logCloseAction(Throwable fault) {
        logFault(
                connections.closeActionLog,
                "close action threw",
                "reason=" + handle.closeReason().orElseThrow(),
                fault);
    }

    // ---- What a handle with callbacks elsewhere asks for ----

    /** A delivery is worked on: nothing more is read. */
    void onHandling() {
        handling = true;
        readingChanged();
    }

    void onReleased() {
        handling = false;
        readingChanged();
    }

    void onCallbackFailed(CloseReason reason) {
        drain(reason);
    }

    void logRefusal(Throwable fault) {
        logFault(
                connections.callbackLog,
                "the executor of blockingHandlers refused a callback and its socket is closed",
                "calling it; give the executor more threads or a longer queue, or admit fewer connections",
                fault);
    }

    // ---- What the handle asks for ----

    void onReadAsked() {
        readsAsked++;
        readingChanged();
    }

    void onStartReading() {
        flowing = true;
        readingChanged();
    }

    void onStopReading() {
        flowing = false;
        readsAsked = 0;
        readingChanged();
    }

    /** During a callback it waits for the end, since applications often ask again before that. */
    private void readingChanged() {
        if (!delivering) {
            updateReading();
        }
    }

    void onShutdownOutput() {
        outputEnds = true;
        markDirty();
    }

    void onClose() {
        drain(CloseReason.CLOSED);
    }

    /** On any thread, before {@link #onStartTls}: whoever asks from a callback is given no more of its plaintext. */
    void dropPlaintext() {
        Upgrade asked = upgrade;
        if (asked == null) {
            throw new IllegalStateException("cannot start TLS: " + handle.idAndEndpoint()
                    + " does not begin in plaintext; configure its endpoint with secureSockets(tls -> tls.onDemand())");
        }
        if (asked.deliverer == Thread.currentThread()) {
            ByteBuffer delivered = Objects.requireNonNull(asked.delivered);
            delivered.limit(delivered.position());
        }
    }

    void onStartTls() {
        Upgrade asked = Objects.requireNonNull(upgrade);
        if (state == State.OPEN && !asked.isDone) {
            asked.isDone = true;
            asked.isUnderWay = true;
            readingChanged();
            TlsEndpoint.begin(transport, queue.notHandedOver());
        }
    }

    /** From plaintext to TLS. */
    private static final class Upgrade {
        boolean isDone;

        /** Nothing is read: what comes belongs to the handshake. */
        boolean isUnderWay;

        /** What a callback was given last, by this thread; of no use to others. */
        @Nullable
        ByteBuffer delivered;

        /** Volatile, since any thread may ask for TLS. */
        @Nullable
        volatile Thread deliverer;
    }

    void onAbort() {
        abort(CloseReason.ABORTED);
    }

    void onTimeoutsChanged() {
        if (state != State.CLOSED) {
            deadlines.watch();
        }
    }

    /** Whether the application is within a message. */
    void onMessage(boolean begun) {
        if (state != State.CLOSED) {
            deadlines.inMessage(begun);
        }
    }

    long unsentBytes() {
        return queue.unsentBytes();
    }

    // ---- The move to another loop ----

    EventLoop loopOf(int number) {
        List<EventLoop> loops = connections.loops;
        if (number < 0 || number >= loops.size()) {
            throw new IllegalArgumentException("cannot move: " + handle.idAndEndpoint() + " loop=" + number
                    + " is not within 0 to " + (loops.size() - 1) + "; pass a number of ServerStats.loops()");
        }
        return loops.get(number);
    }

    /** How many reads came since this was last asked. */
    int takeDeliveries() {
        int count = deliveries;
        deliveries = 0;
        return count;
    }

    void onMove(EventLoop to) {
        if (preparing) {
            return;
        }
        boolean isMarked = target != null;
        target = to;
        if (!isMarked && state == State.OPEN) {
            loop.markDeparting(this);
        }
    }

    /** The last step of a turn. */
    void onDepart() {
        if (isDirty && handle.isHere()) {
            loop.markDeparting(this); // a completion of this turn's flush has written more
            return;
        }
        EventLoop to = target;
        if (to == null || !handle.isHere()) {
            return; // a callback hangs
        }
        target = null;
        if (state != State.OPEN || preparing || to == loop || loop.isStopping() || !to.expect()) {
            return;
        }
        try {
            transport.detach();
        } catch (TransportException refused) {
            LOG.debug("cannot move: {} {}", handle.idAndEndpoint(), refused.getMessage());
            to.execute(to::cameAsExpected);
            return;
        }
        queue.keep(loop.buffers);
        loop.timers.cancel(deadlines);
        loop.departed();
        handle.depart(to);
        Arrival arrival = new Arrival(to, loop.skipped());
        if (!to.execute(arrival)) { // it has just died of a broken engine
            loop.expect();
            loop.execute(new Arrival(loop, loop.skipped()));
        }
    }

    /** The other end of {@link #onDepart}. */
    private final class Arrival extends Mailbox.Message {
        private final EventLoop here;
        private final long skippedThere;

        Arrival(EventLoop here, long skippedThere) {
            this.here = here;
            this.skippedThere = skippedThere;
        }

        @Override
        void deliver() {
            EventLoop from = loop;
            settle();
            resume();
            if (from != here) {
                connections.listener.onMoved(handle, from.number(), here.number());
            }
            handle.catchUp();
        }

        /** The loop ends, and reaps what it owns after this. */
        @Override
        void refuse() {
            settle();
            terminate(CloseReason.STOPPED);
            handle.catchUp();
        }

        private void settle() {
            loop = here;
            here.cameAsExpected();
            deadlines.shift(skippedThere - here.skipped());
            here.arrived();
            handle.arrive(here);
        }
    }

    /** The engine does not know yet that there is something to read, or to send. */
    private void resume() {
        try {
            Filter.adopt(transport, loop, this);
        } catch (TransportException failure) {
            onFailed(failure);
            return;
        }
        if (reading) {
            transport.startReading();
        }
        blocked = false;
        if (loop.isStopping()) {
            stopWithServer();
        }
        flush();
        updateReading();
        deadlines.watch();
        if (loop.isCuttingOff()) {
            onGraceEnds();
        }
    }

    // ---- A callback that hangs ----

    /**
     * Another thread has taken the loop over: until the callback returns the connection is in transit, with nobody but that
     * callback to touch it. What it asks for meanwhile waits in the inbox, like what others ask for.
     */
    void onHeld() {
        handle.depart(loop);
        deadlines.shift(-loop.now()); // stands still: the peer is not waited for
        if (state != State.CLOSED) {
            loop.timers.cancel(deadlines);
            try {
                transport.detach();
            } catch (TransportException refused) {
                onFailed(refused);
            }
        }
    }

    /** The callback has returned. */
    private final class Return extends Mailbox.Message {
        private final boolean failed;

        Return(boolean failed) {
            this.failed = failed;
        }

        @Override
        void deliver() {
            delivering = false;
            deadlines.shift(loop.now());
            handle.arrive(loop);
            if (target != null) {
                loop.markDeparting(Connection.this);
            }
            if (state == State.CLOSED) {
                markClosed();
            } else {
                resume();
            }
            handle.catchUp();
            if (failed) {
                drain(CloseReason.HANDLER_FAILED); // after what it had written before
            }
        }

        /** The loop ends, and reaps what it owns after this. */
        @Override
        void refuse() {
            onLate();
        }
    }

    /** It returned after the loop had ended. */
    void onLate() {
        handle.arrive(loop);
        terminate(CloseReason.ERROR); // unless there is a reason already
        handle.catchUp();
        markClosed();
    }
}
