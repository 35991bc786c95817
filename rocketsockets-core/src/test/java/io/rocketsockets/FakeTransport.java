package io.rocketsockets;

import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;

/** A socket without a kernel: takes as many bytes as there is room for, and remembers everything. */
final class FakeTransport implements Transport {
    final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    /** A copy of the first buffer of the last write, as an engine that sends later keeps one. */
    byte[] firstOffered = {};

    int room = Integer.MAX_VALUE;
    int writes;
    boolean reading;
    boolean outputShutDown;
    boolean closed;
    boolean reset;
    TransportException.Kind broken;

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        writes++;
        if (broken != null) {
            throw new TransportException(broken, new IOException("broken by the test"));
        }
        if (closed || outputShutDown) {
            throw new AssertionError("written after the end");
        }
        ByteBuffer first = buffers[0].duplicate();
        firstOffered = new byte[first.remaining()];
        first.get(firstOffered);
        long total = 0;
        for (int i = 0; i < count; i++) {
            int n = Math.min(buffers[i].remaining(), room);
            byte[] bytes = new byte[n];
            buffers[i].get(bytes);
            sent.writeBytes(bytes);
            room -= n;
            total += n;
        }
        return total;
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
    }

    @Override
    public void reset() {
        reset = true;
        closed = true;
    }
}
