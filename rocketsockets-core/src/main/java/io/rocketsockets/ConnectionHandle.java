package io.rocketsockets;

import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.proxy.ProxyHeader;
import io.rocketsockets.tls.TlsSession;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Connection} in the hands of the application: does on the loop what it is told there, and posts to the loop what
 * it is told elsewhere. What any thread may know of a connection is here; the rest is the connection's.
 */
class ConnectionHandle extends Ownership implements SocketHandle {
    private static final AtomicLong IDS = new AtomicLong(System.nanoTime() >>> 20);

    private static final VarHandle UNSENT;
    private static final VarHandle POSTED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            UNSENT = lookup.findVarHandle(ConnectionHandle.class, "unsent", long.class);
            POSTED = lookup.findVarHandle(ConnectionHandle.class, "posted", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    // Immutable.
    final long number = IDS.incrementAndGet();
    final Connection connection;

    // Any thread.
    /** Made when it is first asked for, by whomever: most never are, and each would make the same. */
    private @Nullable String id;

    /** Falls before the loop hears of it, so that the caller of close() sees it at once. */
    private volatile boolean open = true;

    /** Published before the close action runs. */
    private volatile @Nullable CloseReason closeReason;

    private volatile @Nullable Object attachment;

    private volatile Timeouts timeouts;

    /** Unsent bytes of the queue; written by the loop after each flush, without a fence on the way of a byte. */
    private long unsent;

    /** When the kernel last took queued bytes, in the system's time; ordered by {@link #unsent}. */
    private long lastTaken;

    /** Bytes that writes of other threads have posted and the loop has not queued yet. */
    private long posted;

    ConnectionHandle(Connection connection, Timeouts timeouts, EventLoop loop) {
        super(loop);
        this.connection = connection;
        this.timeouts = timeouts;
    }

    /** @throws NumberFormatException when it is no {@link #id()} */
    static long numberOf(String id) {
        return Long.parseLong(id, Character.MAX_RADIX);
    }

    static int hash(long number) {
        return Long.hashCode(number);
    }

    /** Of the number, by which {@link Connections} finds it; no two handles are equal. */
    final int lookAhead() {
        return (int) (number + unsent);
    }

    @Override
    public final int hashCode() {
        return hash(number);
    }

    @Override
    public final boolean equals(Object other) {
        return this == other;
    }

    // ---- For the connection, on its loop ----

    SocketSession open(SocketSessionFactory sessions) {
        return sessions.open(this);
    }

    /** Does it on the loop once no callback works any more; here that is at once. */
    void afterCallbacks(Runnable onLoop) {
        onLoop.run();
    }

    /** The first cause wins. */
    void end(CloseReason reason) {
        open = false;
        if (closeReason == null) {
            closeReason = reason;
        }
    }

    /** A peer that sends FIN, and is cut off before it has taken what is queued, has not ended cleanly. */
    void endUncleanly(CloseReason cutOffBy) {
        if (closeReason == CloseReason.PEER_CLOSED) {
            closeReason = cutOffBy;
        }
    }

    /** The end of the grace overrules what the connection was about to end of. */
    void force() {
        open = false;
        closeReason = CloseReason.STOP_FORCED;
    }

    /** The kernel took bytes, whatever was queued anew since. */
    void tookSome() {
        lastTaken = owner().systemNow();
    }

    void publishUnsent(long bytes) {
        if (bytes != unsent) {
            if (unsent == 0) {
                tookSome();
            }
            UNSENT.setRelease(this, bytes);
        }
    }

    /** What the loop found left at its last flush; any thread. */
    long publishedUnsent() {
        return (long) UNSENT.getAcquire(this);
    }

    /** Any thread, after {@link #publishedUnsent()}. */
    long lastTaken() {
        return lastTaken;
    }

    String idAndEndpoint() {
        return "socket=" + id() + " endpoint=" + endpoint();
    }

    SocketClosedException closedException() {
        return new SocketClosedException("write failed: " + idAndEndpoint()
                + (closeReason == null ? " output was shut down" : " closed with reason=" + closeReason));
    }

    // ---- For the application, on any thread ----

    @Override
    public String id() {
        String text = id;
        if (text == null) {
            text = Long.toString(number, Character.MAX_RADIX);
            id = text;
        }
        return text;
    }

    @Override
    public String endpoint() {
        return connection.endpoint().name();
    }

    @Override
    public SocketAddress remoteAddress() {
        return connection.transport().remoteAddress();
    }

    @Override
    public SocketAddress localAddress() {
        return connection.transport().localAddress();
    }

    @Override
    public Optional<ProxyHeader> proxyHeader() {
        return Optional.ofNullable(connection.transport().detail(ProxyHeader.class));
    }

    @Override
    public Optional<TlsSession> tls() {
        return Optional.ofNullable(connection.transport().detail(TlsSession.class));
    }

    @Override
    public void startTls() {
        connection.dropPlaintext();
        if (isHere()) {
            connection.onStartTls();
        } else {
            post(connection::onStartTls);
        }
    }

    @Override
    public Optional<PeerCredentials> peerCredentials() {
        return Optional.ofNullable(connection.transport().detail(PeerCredentials.class));
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void read() {
        if (enter()) {
            connection.onReadAsked();
            leave();
        } else {
            post(connection::onReadAsked);
        }
    }

    @Override
    public void startReading() {
        if (enter()) {
            connection.onStartReading();
            leave();
        } else {
            post(connection::onStartReading);
        }
    }

    @Override
    public void stopReading() {
        if (enter()) {
            connection.onStopReading();
            leave();
        } else {
            post(connection::onStopReading);
        }
    }

    @Override
    public void write(ByteBuffer bytes, Runnable onComplete, Consumer<? super Throwable> onException) {
        Objects.requireNonNull(bytes, "bytes");
        Objects.requireNonNull(onComplete, "onComplete");
        Objects.requireNonNull(onException, "onException");
        if (enter()) {
            connection.onWrite(bytes, onComplete, onException);
            leave();
        } else {
            postWrite(bytes, onComplete, onException);
        }
    }

    @Override
    public void write(ByteBuffer bytes) {
        Objects.requireNonNull(bytes, "bytes");
        if (enter()) {
            connection.onWrite(bytes, null, null);
            leave();
        } else {
            postWrite(bytes, null, null);
        }
    }

    private void postWrite(
            ByteBuffer bytes, @Nullable Runnable onComplete, @Nullable Consumer<? super Throwable> onException) {
        PostedWrite write = new PostedWrite(EventLoop.stable(bytes), onComplete, onException);
        POSTED.getAndAdd(this, (long) write.bytes.remaining());
        post(write);
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
            connection.onWrite(bytes, onComplete, onException);
            // In this order, so that a reader counts the bytes twice for a moment rather than not at all.
            publishUnsent(connection.unsentBytes());
            POSTED.getAndAdd(ConnectionHandle.this, (long) -bytes.remaining());
        }

        @Override
        void refuse() {
            POSTED.getAndAdd(ConnectionHandle.this, (long) -bytes.remaining());
            Consumer<? super Throwable> teller = onException;
            if (teller != null) {
                connection.tellElsewhere(teller, closedException());
            }
        }
    }

    @Override
    public long unsentBytes() {
        long onItsWay = (long) POSTED.getAcquire(this);
        if (enter()) {
            onItsWay += connection.unsentBytes();
            leave();
            return onItsWay;
        }
        return onItsWay + (long) UNSENT.getAcquire(this);
    }

    @Override
    public void shutdownOutput() {
        if (enter()) {
            connection.onShutdownOutput();
            leave();
        } else {
            post(connection::onShutdownOutput);
        }
    }

    @Override
    public void close() {
        open = false;
        if (enter()) {
            connection.onClose();
            leave();
        } else {
            post(connection::onClose);
        }
    }

    @Override
    public void abort() {
        open = false;
        if (enter()) {
            connection.onAbort();
            leave();
        } else {
            post(connection::onAbort);
        }
    }

    @Override
    public Optional<CloseReason> closeReason() {
        return Optional.ofNullable(closeReason);
    }

    @Override
    public Timeouts timeouts() {
        return timeouts;
    }

    @Override
    public void timeouts(Timeouts changed) {
        List<String> errors = changed.errors();
        if (!errors.isEmpty()) {
            throw new IllegalArgumentException(
                    "timeouts refused: " + idAndEndpoint() + " " + String.join("; ", errors));
        }
        timeouts = changed;
        if (enter()) {
            connection.onTimeoutsChanged();
            leave();
        } else {
            post(connection::onTimeoutsChanged);
        }
    }

    @Override
    public void messageBegins() {
        if (enter()) {
            connection.onMessage(true);
            leave();
        } else {
            post(() -> connection.onMessage(true));
        }
    }

    @Override
    public void messageEnds() {
        if (enter()) {
            connection.onMessage(false);
            leave();
        } else {
            post(() -> connection.onMessage(false));
        }
    }

    @Override
    public void moveTo(int loop) {
        EventLoop target = connection.loopOf(loop);
        if (enter()) {
            connection.onMove(target);
            leave();
        } else {
            post(() -> connection.onMove(target));
        }
    }

    @Override
    public void tap(@Nullable WireTap tap) {
        if (enter()) {
            connection.onTap(tap);
            leave();
        } else {
            post(() -> connection.onTap(tap));
        }
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
        return "socket " + id() + " from " + remoteAddress() + (open ? "" : " (closed)");
    }
}
