package io.rocketsockets;

import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** A socket without a kernel: takes as many bytes as there is room for, and remembers everything. */
final class FakeTransport implements Transport {
    final ByteArrayOutputStream sent = new ByteArrayOutputStream();

    /** As an engine does that sends later: takes copies, which {@link #sendPending} sends. */
    boolean sendsLater;

    private byte[] pending = {};
    int room = Integer.MAX_VALUE;
    int writes;
    Runnable onWrite = () -> {};
    boolean reading;
    boolean outputShutDown;
    boolean closed;
    boolean reset;
    boolean closeFails;
    TransportException.Kind broken;

    /** Breaks once it has taken what there is room for. */
    boolean breaksAfterwards;

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        writes++;
        onWrite.run();
        if (broken != null) {
            throw new TransportException(broken, new IOException("broken by the test"));
        }
        if (closed || outputShutDown) {
            throw new AssertionError("written after the end");
        }
        if (pending.length > 0) {
            return 0;
        }
        ByteArrayOutputStream copies = new ByteArrayOutputStream();
        long total = 0;
        for (int i = 0; i < count; i++) {
            int n = Math.min(buffers[i].remaining(), room);
            byte[] bytes = new byte[n];
            buffers[i].get(bytes);
            copies.writeBytes(bytes);
            room -= n;
            total += n;
        }
        if (sendsLater) {
            pending = copies.toByteArray();
        } else {
            sent.writeBytes(copies.toByteArray());
        }
        if (breaksAfterwards) {
            throw new TransportException(TransportException.Kind.RESET, new IOException("broken by the test"));
        }
        return total;
    }

    @Override
    public long pending() {
        return pending.length;
    }

    /** So many bytes at most. */
    int sendPending(int most) {
        int n = Math.min(most, pending.length);
        sent.write(pending, 0, n);
        pending = Arrays.copyOfRange(pending, n, pending.length);
        return n;
    }

    @Override
    public SocketAddress remoteAddress() {
        return InetSocketAddress.createUnresolved("peer", 1);
    }

    @Override
    public SocketAddress localAddress() {
        return InetSocketAddress.createUnresolved("here", 2);
    }

    @Override
    public void detach() {}

    @Override
    public void startReading() {
        reading = true;
    }

    @Override
    public void stopReading() {
        reading = false;
    }

    @Override
    public void shutdownOutput() {
        outputShutDown = true;
    }

    @Override
    public void close() {
        closed = true;
        if (closeFails) {
            throw new UncheckedIOException(new IOException("not closed, by the test"));
        }
    }

    @Override
    public void reset() {
        reset = true;
        closed = true;
    }
}
