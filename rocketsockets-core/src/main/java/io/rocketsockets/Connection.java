package io.rocketsockets;

import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One accepted connection: its session, what it reads and the bytes not yet written.
 *
 * <p><b>Threading:</b> confined to the {@link EventLoop} that owns it; the methods of {@link SocketHandle} may be called
 * from any thread and post to that loop's {@link Mailbox}. Callbacks run between the steps of a turn, never inside a
 * call of the application.
 * <p><b>State:</b> {@code OPEN -> DRAINING -> LINGERING -> CLOSED}, where each step may be left out. DRAINING sends what
 * is queued, then FIN; LINGERING discards what the peer still sends, since closing with unread input would reset the
 * connection and destroy what the peer has not read yet (RFC 1122, 4.2.2.13; nginx calls it lingering close).
 * <p><b>Failure:</b> whatever a callback throws closes this connection, never the loop.
 */
final class Connection implements SocketHandle, TransportHandler {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);
    private static final AtomicLong IDS = new AtomicLong(System.nanoTime() >>> 20);

    /** A peer that has been quiet for this long after our FIN has nothing under way. */
    private static final long LINGER_QUIET_NANOS = 100_000_000;

    /** However much the peer goes on sending. */
    private static final long LINGER_NANOS = 2_000_000_000;

    private static final VarHandle UNSENT;
    private static final VarHandle POSTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            UNSENT = lookup.findVarHandle(Connection.class, "unsent", long.class);
            POSTED = lookup.findVarHandle(Connection.class, "posted", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private enum State {
        OPEN,
        DRAINING,
        LINGERING,
        CLOSED
    }

    // Immutable.
    private final String id = Long.toString(IDS.incrementAndGet(), Character.MAX_RADIX);
    private final String endpoint;
    private final Connections connections;
    private final Transport transport;
    private final EventLoop loop;

    // Loop thread only.
    private final WriteQueue queue = new WriteQueue();
    private State state = State.OPEN;
    private @Nullable SocketSession session;
    private @Nullable Linger linger;
    private int readsAsked;
    private boolean flowing;
    private boolean reading;
    private boolean congested;
    private boolean blocked;
    private boolean inputEnded;
    private boolean outputEnds;
    private boolean outputEnded;
    private boolean delivering;
    private boolean isDirty;

    @Nullable
    Connection nextDirty;

    @Nullable
    Connection nextClosed;

    // Any thread.
    /** Falls before the loop hears of it, so that the caller of close() sees it at once. */
    private volatile boolean open = true;

    private volatile @Nullable CloseReason closeReason;
    private volatile @Nullable Object attachment;

    /** Unsent bytes of the queue, published by the loop after each flush. */
    private long unsent;

    /** Bytes that writes of other threads have posted and the loop has not queued yet. */
    private long posted;

    Connection(String endpoint, Connections connections, Transport transport, EventLoop loop) {
        this.endpoint = endpoint;
        this.connections = connections;
        this.transport = transport;
        this.loop = loop;
    }

    EventLoop loop() {
        return loop;
    }

    // ---- The way in ----

    /** The loop takes the connection over and opens its session. */
    void onAdopted() {
        assert loop.inLoop();
        if (loop.isStopping()) {
            transport.close();
            return;
        }
        loop.opened();
        connections.add(this);
        try {
            loop.engine.adopt(transport, this);
        } catch (TransportException failure) {
            onFailed(failure);
            return;
        }
        delivering = true;
        try {
            session =
                    Objects.requireNonNull(connections.sessions.open(this), "SocketSessionFactory.open returned null");
        } catch (Throwable fault) {
            onHandlerFailed("opening its session", fault);
        }
        delivering = false;
        afterCallback();
        if (state == State.OPEN && !reading && queue.isEmpty()) {
            connections.warnOfIdleSession(this);
        }
    }

    /** The way to a loop other than the acceptor's. */
    final class Adoption extends Mailbox.Message {
        @Override
        void deliver() {
            onAdopted();
        }

        @Override
        void refuse() {
            transport.close();
        }
    }

    @Override
    public void onRead(ByteBuffer bytes) {
        assert loop.inLoop();
        int count = bytes.remaining();
        loop.meter.read(count);
        if (state != State.OPEN) {
            if (linger != null) {
                linger.heard();
            }
            return;
        }
        if (readsAsked > 0) {
            readsAsked--;
        }
        // A view of its own for each callback: it dies with it, and what an application keeps never shows other data.
        ByteBuffer view = bytes.slice();
        loop.beginDelivery();
        delivering = true;
        try {
            session.onBytes(view);
        } catch (Throwable fault) {
            onHandlerFailed("delivering " + count + " bytes", fault);
        }
        delivering = false;
        view.limit(0);
        afterCallback();
        loop.endDelivery();
    }

    @Override
    public void onEnd() {
        assert loop.inLoop();
        inputEnded = true;
        if (state == State.LINGERING) {
            terminate(CloseReason.PEER_CLOSED);
        } else {
            drain(CloseReason.PEER_CLOSED);
        }
    }

    @Override
    public void onFailed(TransportException cause) {
        assert loop.inLoop();
        switch (cause.kind()) {
            case RESET -> terminate(CloseReason.PEER_RESET);
            case UNREACHABLE -> terminate(CloseReason.PEER_UNREACHABLE);
            case OTHER -> {
                if (state != State.CLOSED) {
                    Faults.log(LOG, "socket failed: id=" + id + " endpoint=" + endpoint, cause);
                }
                terminate(CloseReason.ERROR);
            }
        }
    }

    private void onHandlerFailed(String doing, Throwable fault) {
        Faults.log(
                LOG,
                "callback threw and its socket is closed: id=" + id + " endpoint=" + endpoint + " " + doing,
                fault);
        drain(CloseReason.HANDLER_FAILED);
    }

    /** What the callback asked for takes effect, once. */
    private void afterCallback() {
        if (!queue.isEmpty() || state == State.DRAINING) {
            flush();
        }
        updateReading();
    }

    private void updateReading() {
        boolean wanted = state == State.OPEN && (flowing || readsAsked > 0) && !congested;
        if (wanted != reading) {
            reading = wanted;
            if (wanted) {
                transport.startReading();
            } else {
                transport.stopReading();
            }
        }
    }

    // ---- The way out ----

    private void enqueue(
            ByteBuffer bytes, @Nullable Runnable onComplete, @Nullable Consumer<? super Throwable> onException) {
        if (state != State.OPEN || outputEnds) {
            if (onException != null) {
                reject(onException, closedException());
            }
            return;
        }
        if (queue.unsentBytes() >= connections.writeQueueLimit) {
            WriteQueueFullException full = new WriteQueueFullException("write refused: socket=" + id + " unsent="
                    + queue.unsentBytes() + " >= writeQueueLimit=" + connections.writeQueueLimit
                    + "; wait for onComplete before writing more, or raise the limit");
            if (onException != null) {
                reject(onException, full);
            } else {
                abort(CloseReason.LIMIT_WRITE_QUEUE);
            }
            return;
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
        flush();
        updateReading();
    }

    private void flush() {
        if (state == State.CLOSED) {
            return;
        }
        if (!blocked) {
            long before = queue.unsentBytes();
            try {
                blocked = !queue.flush(transport, loop.buffers);
            } catch (TransportException broken) {
                onFailed(broken);
            }
            loop.meter.wrote(before - queue.unsentBytes());
        }
        if (blocked) {
            queue.keep(loop.buffers);
        }
        afterProgress();
    }

    @Override
    public void onWritten(long count) {
        assert loop.inLoop();
        queue.advance(count, loop.buffers);
        loop.meter.wrote(count);
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
        if (left != unsent) {
            UNSENT.setOpaque(this, left);
        }
        congested = left > (congested ? connections.lowWaterMark : connections.highWaterMark);
        if (queue.isEmpty() && (state == State.DRAINING || outputEnds)) {
            endOutput();
        }
    }

    /** Tells the writes that are done; those that their callbacks add wait for the next flush. */
    private void complete() {
        long upTo = queue.takenBytes();
        for (Completion done = queue.pollDone(upTo); done != null; done = queue.pollDone(upTo)) {
            Runnable onComplete = done.onComplete;
            loop.buffers.release(done);
            try {
                onComplete.run();
            } catch (Throwable fault) {
                onHandlerFailed("completing a write", fault);
            }
        }
    }

    private void endOutput() {
        if (state == State.DRAINING && inputEnded) {
            terminate(CloseReason.CLOSED);
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
            linger = new Linger();
            transport.startReading();
        }
    }

    /** Waits for the peer to fall silent after our FIN. */
    private final class Linger extends TimerWheel.Timer {
        private final long end = loop.now() + LINGER_NANOS;

        Linger() {
            heard();
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
        if (state == State.OPEN) {
            state = State.DRAINING;
            end(reason);
            updateReading();
            markDirty();
        }
    }

    private void abort(CloseReason reason) {
        if (state != State.CLOSED) {
            transport.reset();
            terminate(reason);
        }
    }

    /** Ends at once; callbacks that are still due run when the loop reaps. */
    void terminate(CloseReason reason) {
        if (state != State.CLOSED) {
            state = State.CLOSED;
            end(reason);
            if (linger != null) {
                loop.timers.cancel(linger);
            }
            transport.close();
            loop.markClosed(this);
        }
    }

    /** The first cause wins. */
    private void end(CloseReason reason) {
        open = false;
        if (closeReason == null) {
            closeReason = reason;
        }
    }

    /** The server stops: the socket drains, or ends with the grace. */
    void onServerStops() {
        drain(CloseReason.STOPPED);
    }

    void onGraceEnds() {
        if (state == State.LINGERING) {
            terminate(CloseReason.STOPPED);
        } else if (state != State.CLOSED) {
            forced();
            abort(CloseReason.STOP_FORCED);
        }
    }

    /** From the stopping thread, when the loop hangs in a callback. */
    void abandon() {
        forced();
        transport.reset();
    }

    private void forced() {
        open = false;
        closeReason = CloseReason.STOP_FORCED;
    }

    /** The last step of a closed connection: its last callbacks. */
    void onReaped() {
        SocketClosedException failure = closedException();
        for (Completion due = queue.pollDue(); due != null; due = queue.pollDue()) {
            Consumer<? super Throwable> onException = due.onException;
            loop.buffers.release(due);
            tell(onException, failure);
        }
        queue.drop(loop.buffers);
        CloseReason reason = Objects.requireNonNull(closeReason);
        connections.remove(this);
        loop.meter.closed(reason);
        if (loop.isStopping()) {
            boolean forced = reason == CloseReason.STOP_FORCED;
            loop.reportStopped(new ShutdownReport(forced ? 0 : 1, forced ? 1 : 0, queue.unsentBytes()));
        }
        if (session != null) {
            try {
                session.onClose();
            } catch (Throwable fault) {
                Faults.log(LOG, "close action threw: id=" + id + " endpoint=" + endpoint, fault);
            }
        }
    }

    private SocketClosedException closedException() {
        return new SocketClosedException("write failed: socket=" + id + " endpoint=" + endpoint
                + (closeReason == null ? " output was shut down" : " closed with reason=" + closeReason));
    }

    private void reject(Consumer<? super Throwable> onException, Exception cause) {
        loop.reject(() -> tell(onException, cause));
    }

    private void tell(Consumer<? super Throwable> onException, Exception cause) {
        try {
            onException.accept(cause);
        } catch (Throwable fault) {
            Faults.log(LOG, "onException threw: id=" + id + " endpoint=" + endpoint, fault);
            if (loop.inLoop()) {
                drain(CloseReason.HANDLER_FAILED);
            }
        }
    }

    // ---- SocketHandle: any thread ----

    @Override
    public String id() {
        return id;
    }

    @Override
    public String endpoint() {
        return endpoint;
    }

    @Override
    public SocketAddress remoteAddress() {
        return transport.remoteAddress();
    }

    @Override
    public SocketAddress localAddress() {
        return transport.localAddress();
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void read() {
        if (loop.inLoop()) {
            readsAsked++;
            readingChanged();
        } else {
            loop.execute(this::read);
        }
    }

    @Override
    public void startReading() {
        if (loop.inLoop()) {
            flowing = true;
            readingChanged();
        } else {
            loop.execute(this::startReading);
        }
    }

    @Override
    public void stopReading() {
        if (loop.inLoop()) {
            flowing = false;
            readsAsked = 0;
            readingChanged();
        } else {
            loop.execute(this::stopReading);
        }
    }

    /** During a callback it waits for the end, since applications often ask again before that. */
    private void readingChanged() {
        if (!delivering) {
            updateReading();
        }
    }

    @Override
    public void write(ByteBuffer bytes, Runnable onComplete, Consumer<? super Throwable> onException) {
        Objects.requireNonNull(bytes, "bytes");
        Objects.requireNonNull(onComplete, "onComplete");
        Objects.requireNonNull(onException, "onException");
        if (loop.inLoop()) {
            enqueue(bytes, onComplete, onException);
        } else {
            post(bytes, onComplete, onException);
        }
    }

    @Override
    public void write(ByteBuffer bytes) {
        if (loop.inLoop()) {
            enqueue(bytes, null, null);
        } else {
            post(Objects.requireNonNull(bytes, "bytes"), null, null);
        }
    }

    private void post(
            ByteBuffer bytes, @Nullable Runnable onComplete, @Nullable Consumer<? super Throwable> onException) {
        PostedWrite write = new PostedWrite(EventLoop.stable(bytes), onComplete, onException);
        POSTED.getAndAdd(this, (long) write.bytes.remaining());
        if (!loop.execute(write)) {
            write.refuse();
        }
    }

    /** A write of another thread on its way to the loop. */
    private final class PostedWrite extends Mailbox.Message {
        private final ByteBuffer bytes;
        private final @Nullable Runnable onComplete;
        private final @Nullable Consumer<? super Throwable> onException;

        PostedWrite(
                ByteBuffer bytes, @Nullable Runnable onComplete, @Nullable Consumer<? super Throwable> onException) {
            this.bytes = bytes;
            this.onComplete = onComplete;
            this.onException = onException;
        }

        @Override
        void deliver() {
            POSTED.getAndAdd(Connection.this, (long) -bytes.remaining());
            enqueue(bytes, onComplete, onException);
        }

        @Override
        void refuse() {
            POSTED.getAndAdd(Connection.this, (long) -bytes.remaining());
            Consumer<? super Throwable> teller = onException;
            if (teller != null) {
                EventLoop.rejectElsewhere(() -> tell(teller, closedException()));
            }
        }
    }

    @Override
    public long unsentBytes() {
        long queued = loop.inLoop() ? queue.unsentBytes() : (long) UNSENT.getOpaque(this);
        return queued + (long) POSTED.getOpaque(this);
    }

    @Override
    public void shutdownOutput() {
        if (loop.inLoop()) {
            outputEnds = true;
            markDirty();
        } else {
            loop.execute(this::shutdownOutput);
        }
    }

    @Override
    public void close() {
        open = false;
        if (loop.inLoop()) {
            drain(CloseReason.CLOSED);
        } else {
            loop.execute(this::close);
        }
    }

    @Override
    public void abort() {
        open = false;
        if (loop.inLoop()) {
            abort(CloseReason.ABORTED);
        } else {
            loop.execute((Runnable) this::abort);
        }
    }

    @Override
    public Optional<CloseReason> closeReason() {
        return Optional.ofNullable(closeReason);
    }

    @Override
    public void attach(@Nullable Object attachment) {
        this.attachment = attachment;
    }

    @Override
    public <T> @Nullable T attachment(Class<T> type) {
        return type.cast(attachment);
    }

    @Override
    public String toString() {
        return "socket " + id + " from " + remoteAddress() + (open ? "" : " (closed)");
    }
}
