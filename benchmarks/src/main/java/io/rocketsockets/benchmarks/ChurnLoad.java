package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import org.HdrHistogram.Histogram;

/**
 * Connects, sends one message, reads its echo and closes with FIN, over and over, with a fixed number of connections
 * at a time.
 *
 * <p><b>Threading:</b> one thread, one selector.
 * <p><b>Ports:</b> connections go to many loopback addresses in turn, since every closed one keeps its port for a while.
 */
final class ChurnLoad implements Load {
    private static final long STALL_MILLIS = 5_000;

    private final ServerProcess server;
    private final Exchange exchange;
    private final Selector selector = Selector.open();
    private final ByteBuffer request;
    private final ByteBuffer received;
    private int turn;
    private long cycles;

    ChurnLoad(ServerProcess server, Exchange exchange, int atOnce) throws IOException {
        this.server = server;
        this.exchange = exchange;
        this.request = exchange.requests(1);
        this.received = ByteBuffer.allocateDirect(exchange.replyBytes());
        Sockets.open(server, 0, exchange).close();
        for (int i = 0; i < atOnce; i++) {
            connect();
        }
    }

    @Override
    public long run(Duration time) throws IOException {
        cycles = 0;
        long end = System.nanoTime() + time.toNanos();
        do {
            if (selector.select(this::ready, STALL_MILLIS) == 0) {
                throw new IOException("no answer for " + STALL_MILLIS + " ms");
            }
        } while (System.nanoTime() - end < 0);
        return cycles;
    }

    private void ready(SelectionKey key) {
        var socket = (SocketChannel) key.channel();
        try {
            if (key.isConnectable()) {
                socket.finishConnect();
                key.interestOps(SelectionKey.OP_READ);
                socket.write(request.rewind());
            } else {
                receive(socket, key);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void connect() throws IOException {
        SocketChannel socket = SocketChannel.open();
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
        if (socket.connect(server.address(turn++))) {
            socket.register(selector, SelectionKey.OP_READ, new int[1]);
            socket.write(request.rewind());
        } else {
            socket.register(selector, SelectionKey.OP_CONNECT, new int[1]);
        }
    }

    private void receive(SocketChannel socket, SelectionKey key) throws IOException {
        int[] total = (int[]) key.attachment();
        int count = socket.read(received.clear());
        if (count < 0) {
            throw new IOException("server closed a connection before its echo was whole");
        }
        total[0] += count;
        if (total[0] == exchange.replyBytes()) {
            socket.close();
            cycles++;
            connect();
        }
    }

    @Override
    public Histogram latencies() {
        return new Histogram(1);
    }

    @Override
    public void close() throws IOException {
        for (SelectionKey key : selector.keys()) {
            key.channel().close();
        }
        selector.close();
    }
}
