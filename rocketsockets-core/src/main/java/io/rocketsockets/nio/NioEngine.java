package io.rocketsockets.nio;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.LookAhead;
import io.rocketsockets.engine.LoudSockets;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One selector and the two buffers that all its sockets share.
 *
 * <p>Ready keys are collected into an array while the selector holds its locks and dispatched after it let go of them, so
 * that callbacks may do anything. {@link Selector#select(Consumer)} fills no set of selected keys: nothing is hashed,
 * allocated or cleared for an event.
 */
final class NioEngine implements Engine {
    /** Enough for a gathered write to cost one system call, little enough to stay in the second-level cache. */
    private static final int STAGING_BYTES = 64 * 1024;

    /** What a key's attachment does when its socket is ready. */
    interface Ready {
        void onReady(int operations);

        /** See {@link TransportHandler#lookAhead}. */
        default int lookAhead() {
            return 0;
        }
    }

    ByteBuffer receive;
    final LoudSockets loud = new LoudSockets();
    final ByteBuffer staging = ByteBuffer.allocateDirect(STAGING_BYTES);

    private final Selector selector;
    private final Consumer<SelectionKey> collect = this::collect;
    private Ready[] ready = new Ready[256];
    private int[] operations = new int[256];
    private int count;

    /** Keeps the compiler from leaving {@link #lookAhead} out. */
    @SuppressWarnings("UnusedVariable")
    private int seen;

    private @Nullable SocketChannel reserve;

    NioEngine(int readBufferBytes) throws IOException {
        receive = ByteBuffer.allocateDirect(readBufferBytes);
        selector = Selector.open();
        try {
            openReserve();
        } catch (IOException exhausted) {
            try (selector) {
                throw exhausted;
            }
        }
    }

    /** Opens the descriptor that is given up when there is no other left. */
    void openReserve() throws IOException {
        reserve = SocketChannel.open();
    }

    /** After a time without any descriptor to spare. */
    void reopenReserve() {
        try {
            if (reserve != null && !reserve.isOpen()) {
                openReserve();
            }
        } catch (IOException stillExhausted) {
            return; // there is none, as before; whoever accepts next says why
        }
    }

    void releaseReserve() throws IOException {
        if (reserve != null) {
            reserve.close();
        }
    }

    @Override
    public Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) throws IOException {
        return NioListener.open(this, selector, address, options, handler);
    }

    @Override
    public void adopt(Transport transport, TransportHandler handler) throws TransportException {
        ((NioTransport) transport).attach(this, selector, handler);
    }

    @Override
    public int poll(long timeoutNanos) throws IOException {
        count = 0;
        if (timeoutNanos == 0 || !loud.isEmpty()) {
            selector.selectNow(collect);
        } else if (timeoutNanos < 0) {
            selector.select(collect);
        } else {
            selector.select(collect, (timeoutNanos + 999_999) / 1_000_000);
        }
        return loud.isEmpty() ? count : count + 1;
    }

    private void collect(SelectionKey key) {
        if (count == ready.length) {
            ready = Arrays.copyOf(ready, 2 * count);
            operations = Arrays.copyOf(operations, 2 * count);
        }
        ready[count] = (Ready) key.attachment();
        operations[count++] = key.readyOps();
    }

    @Override
    public void dispatch() {
        for (int i = 0; i < count; i++) {
            if (LookAhead.isDue(i, count)) {
                lookAhead(i);
            }
            Ready socket = ready[i];
            ready[i] = null;
            socket.onReady(operations[i]);
        }
        loud.read();
    }

    private void lookAhead(int first) {
        int sum = 0;
        for (int i = first; i < Math.min(count, first + LookAhead.SOCKETS); i++) {
            sum += ready[i].lookAhead();
        }
        seen = sum;
    }

    @Override
    public boolean takeOver() {
        receive = ByteBuffer.allocateDirect(receive.capacity());
        return true;
    }

    @Override
    public void wakeup() {
        selector.wakeup();
    }

    @Override
    public synchronized void close() throws IOException {
        if (selector.isOpen()) {
            // The selector would leave them open, and closes the descriptors of those that are closed.
            for (SelectionKey key : selector.keys()) {
                // Else it is closed, has moved to another engine, or is not ours to close.
                if (key.isValid() && !(key.attachment() instanceof NioListener listener && listener.isInherited())) {
                    key.channel().close();
                }
            }
            selector.close();
            releaseReserve();
        }
    }
}
