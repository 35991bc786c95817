package io.rocketsockets.engine;

import java.net.SocketAddress;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What stands between an engine and a connection and changes the bytes on their way: a {@link Transport} to the one above, a
 * {@link TransportHandler} to the one below. Filters stack; by default each passes everything on.
 *
 * <p><b>Threading:</b> as a transport. A filter moves with its connection from loop to loop, so it keeps nothing of a loop
 * beyond a call.
 * <p><b>Order:</b> the lowest filter hears {@link #onReady} once, when it is adopted first; each tells the next when it is
 * ready itself, and tells it nothing else before, except that it failed or what it waits for.
 */
public abstract class Filter implements Transport, TransportHandler {
    protected final Transport below;

    /** Set by {@link #adopt}. */
    @SuppressWarnings("NullAway.Init")
    protected TransportHandler above;

    /** Where the filter is at home now; set by {@link #adopt}. */
    @SuppressWarnings("NullAway.Init")
    protected FilterLoop loop;

    /** Nothing may be reported any more; volatile since a stop may close from outside the loop. */
    protected volatile boolean closed;

    private boolean begun;
    private int moves;

    protected Filter(Transport below) {
        this.below = below;
    }

    /** As {@link Engine#adopt}, for a transport that may have filters over it. */
    public static void adopt(Transport transport, FilterLoop loop, TransportHandler handler) throws TransportException {
        if (transport instanceof Filter filter) {
            filter.loop = loop;
            filter.above = handler;
            adopt(filter.below, loop, filter);
            filter.onAdopted();
            if (!(filter.below instanceof Filter) && !filter.begun) {
                filter.begun = true;
                filter.onReady();
            }
        } else {
            loop.engine().adopt(transport, handler);
        }
    }

    /** The filter is at home on its {@link #loop} now, for the first time or after a move. */
    protected void onAdopted() {}

    /** Runs the task in this loop's next turn, unless the connection has moved by then. */
    protected final void soon(Runnable task) {
        int stay = moves;
        loop.nextTurn(() -> {
            if (stay == moves) {
                task.run();
            }
        });
    }

    // ---- Towards the connection ----

    @Override
    public void onStage(Stage stage, long limitNanos) {
        above.onStage(stage, limitNanos);
    }

    @Override
    public void onReady() {
        above.onReady();
    }

    @Override
    public int lookAhead() {
        return above.lookAhead();
    }

    @Override
    public void onRead(ByteBuffer bytes) {
        above.onRead(bytes);
    }

    @Override
    public void onEnd() {
        above.onEnd();
    }

    @Override
    public void onWritten(long bytes) {
        above.onWritten(bytes);
    }

    @Override
    public void onFailed(TransportException cause) {
        above.onFailed(cause);
    }

    // ---- Towards the engine ----

    @Override
    public SocketAddress remoteAddress() {
        return below.remoteAddress();
    }

    @Override
    public SocketAddress localAddress() {
        return below.localAddress();
    }

    @Override
    public <T> @Nullable T detail(Class<T> type) {
        return below.detail(type);
    }

    @Override
    public void detach() throws TransportException {
        below.detach();
        moves++;
    }

    @Override
    public void startReading() {
        below.startReading();
    }

    @Override
    public void stopReading() {
        below.stopReading();
    }

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        return below.write(buffers, count);
    }

    @Override
    public long pending() {
        return below.pending();
    }

    @Override
    public void shutdownOutput() throws TransportException {
        below.shutdownOutput();
    }

    @Override
    public void close() {
        closed = true;
        below.close();
    }

    @Override
    public void reset() {
        closed = true;
        below.reset();
    }
}
