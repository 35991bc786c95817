package io.rocketsockets.nio;

import io.rocketsockets.engine.LoudSockets;
import io.rocketsockets.engine.LoudSockets.LoudSocket;
import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** A connected socket: reads when it is ready, writes at once, and waits for room when the kernel has none. */
final class NioTransport implements Transport, NioEngine.Ready, LoudSocket {
    /** A shortage that lasts for so many turns is no passing one, and a loop must not turn for it alone. */
    private static final int MOST_SHORTAGES = 16;

    private final SocketChannel channel;
    private final SocketAddress remoteAddress;
    private final SocketAddress localAddress;

    // Loop thread only; set by attach.
    private int interest;

    /** What the selector looks for: not for input that awaits its turn. */
    private int selected;

    /** It last sent as much as makes a socket loud. */
    private boolean isLoud;

    /** It is among the engine's loud sockets, and is read when it is its turn. */
    private boolean awaitsTurn;

    /** Writes in a row that the kernel had no memory for. */
    private int shortages;

    @SuppressWarnings("NullAway.Init")
    private NioEngine engine;

    @SuppressWarnings("NullAway.Init")
    private SelectionKey key;

    @SuppressWarnings("NullAway.Init")
    private TransportHandler handler;

    /** Volatile since a stop may close from outside the loop. */
    private volatile boolean closed;

    NioTransport(SocketChannel channel) throws IOException {
        this.channel = channel;
        this.remoteAddress = channel.getRemoteAddress();
        this.localAddress = channel.getLocalAddress();
    }

    void attach(NioEngine engine, Selector selector, TransportHandler handler) throws TransportException {
        this.engine = engine;
        this.handler = handler;
        try {
            key = channel.register(selector, 0, this);
        } catch (ClosedChannelException closed) {
            throw failure(closed);
        }
    }

    @Override
    public void detach() {
        if (key != null) { // else it has not been adopted yet, and is on no loop
            key.cancel();
            interest = 0;
            selected = 0;
            if (awaitsTurn) {
                awaitsTurn = false;
                engine.loud.remove(this);
            }
        }
    }

    @Override
    public SocketAddress remoteAddress() {
        return remoteAddress;
    }

    @Override
    public SocketAddress localAddress() {
        return localAddress;
    }

    @Override
    public <T> @Nullable T detail(Class<T> type) {
        if (type == PeerCredentials.class && remoteAddress instanceof UnixDomainSocketAddress) {
            try {
                return type.cast(PeerCredentialsOption.of(channel));
            } catch (IOException | UnsupportedOperationException | LinkageError unknown) {
                return null; // closed by now, or a system or JDK without it
            }
        }
        return null;
    }

    @Override
    public void startReading() {
        interest(interest | SelectionKey.OP_READ);
    }

    @Override
    public void stopReading() {
        interest(interest & ~SelectionKey.OP_READ);
    }

    private void interest(int wanted) {
        interest = wanted;
        select(awaitsTurn ? wanted & ~SelectionKey.OP_READ : wanted);
    }

    private void select(int operations) {
        if (selected != operations && !closed) {
            selected = operations;
            key.interestOps(operations);
        }
    }

    @Override
    public int lookAhead() {
        return handler.lookAhead() + (channel.isOpen() ? 1 : 0);
    }

    @Override
    public void onReady(int operations) {
        if ((operations & SelectionKey.OP_READ) != 0) {
            if (isLoud) {
                awaitTurn();
            } else {
                read(LoudSockets.QUIET_BYTES);
            }
        }
        if ((operations & SelectionKey.OP_WRITE) != 0 && !closed) {
            handler.onWritten(0);
        }
    }

    private void awaitTurn() {
        if (!awaitsTurn) {
            engine.loud.add(this);
            awaitsTurn = true;
            select(interest & ~SelectionKey.OP_READ);
        }
    }

    @Override
    public int readOn(int bytes) {
        awaitsTurn = false;
        select(interest); // before anything can fail
        return read(bytes);
    }

    /** Reads again only when it got all that it asked for: less means that the kernel had no more. */
    private int read(int most) {
        ByteBuffer buffer = engine.receive;
        int total = 0;
        while (!closed && (interest & SelectionKey.OP_READ) != 0) {
            if (total >= most) {
                awaitTurn();
                break;
            }
            int asked = Math.min(buffer.capacity(), most - total);
            buffer.clear().limit(asked);
            int n;
            try {
                n = channel.read(buffer);
            } catch (IOException cause) {
                handler.onFailed(failure(cause));
                return total;
            }
            if (n < 0) {
                stopReading();
                handler.onEnd();
                return total;
            }
            if (n == 0) {
                break;
            }
            total += n;
            isLoud = total >= LoudSockets.QUIET_BYTES;
            buffer.flip();
            handler.onRead(buffer);
            if (n < asked) {
                break;
            }
        }
        return total;
    }

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        long total = 0;
        try {
            for (int first = 0; first < count; ) {
                if (!buffers[first].hasRemaining()) {
                    first++;
                    continue;
                }
                boolean alone = isBestAlone(buffers, first, count);
                ByteBuffer bytes = alone ? buffers[first] : gather(buffers, first, count);
                int offered = bytes.remaining();
                int taken = channel.write(bytes);
                if (!alone) {
                    advance(buffers, first, taken);
                }
                total += taken;
                shortages = 0;
                if (taken < offered) {
                    interest(interest | SelectionKey.OP_WRITE);
                    return total;
                }
            }
            interest(interest & ~SelectionKey.OP_WRITE);
            return total;
        } catch (IOException cause) {
            if (!isShortage(cause) || ++shortages == MOST_SHORTAGES) {
                throw failure(cause);
            }
            interest(interest | SelectionKey.OP_WRITE); // again in the next turn
            return total;
        }
    }

    /** ENOBUFS and ENOMEM say nothing of the connection. */
    private static boolean isShortage(IOException cause) {
        String message = String.valueOf(cause.getMessage());
        return message.contains("No buffer space") || message.contains("Cannot allocate memory");
    }

    private boolean isBestAlone(ByteBuffer[] buffers, int first, int count) {
        ByteBuffer buffer = buffers[first];
        return buffer.isDirect() && (first == count - 1 || buffer.remaining() >= engine.staging.capacity());
    }

    /**
     * Copies as much as fits into one direct buffer. The JDK would copy heap buffers as well, into a temporary buffer of
     * any size that it then keeps; and for the small ones one call with a copy is cheaper than a vectored write.
     */
    private ByteBuffer gather(ByteBuffer[] buffers, int first, int count) {
        ByteBuffer staging = engine.staging.clear();
        for (int i = first; i < count && staging.hasRemaining(); i++) {
            ByteBuffer buffer = buffers[i];
            int n = Math.min(buffer.remaining(), staging.remaining());
            staging.put(staging.position(), buffer, buffer.position(), n);
            staging.position(staging.position() + n);
        }
        return staging.flip();
    }

    private static void advance(ByteBuffer[] buffers, int first, int taken) {
        for (int i = first, left = taken; left > 0; i++) {
            int n = Math.min(buffers[i].remaining(), left);
            buffers[i].position(buffers[i].position() + n);
            left -= n;
        }
    }

    @Override
    public void shutdownOutput() throws TransportException {
        try {
            channel.shutdownOutput();
        } catch (IOException cause) {
            throw failure(cause);
        }
    }

    @Override
    public void close() {
        closed = true;
        try {
            channel.close();
        } catch (IOException cause) {
            throw new UncheckedIOException("cannot close socket: remote=" + remoteAddress, cause);
        }
    }

    @Override
    public void reset() {
        if (closed) {
            return;
        }
        try {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException gone) {
            // The peer reset it first, which is what was wanted.
        }
        close();
    }

    /** The JDK tells errno by the text of strerror only. */
    private static TransportException failure(IOException cause) {
        String message = String.valueOf(cause.getMessage());
        if (cause instanceof ClosedChannelException) {
            // Reset from outside the loop, while it hung.
            return new TransportException(TransportException.Kind.RESET, cause);
        }
        if (message.contains("reset") || message.contains("Broken pipe")) {
            return new TransportException(TransportException.Kind.RESET, cause);
        }
        if (message.contains("timed out") || message.contains("unreachable") || message.contains("No route")) {
            return new TransportException(TransportException.Kind.UNREACHABLE, cause);
        }
        return new TransportException(TransportException.Kind.OTHER, cause);
    }
}
