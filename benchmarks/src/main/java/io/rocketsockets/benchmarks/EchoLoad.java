package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import org.HdrHistogram.Histogram;

/**
 * Closed loop: every connection keeps the same number of messages in flight and sends the next when an answer is whole.
 *
 * <p><b>Threading:</b> one thread, one selector.
 * <p><b>Cost:</b> one read and one write for all the answers that one read brought; nothing is allocated per message.
 */
final class EchoLoad implements Load {
    private static final int READ_BYTES = 256 * 1024;
    private static final long STALL_MILLIS = 5_000;

    private final Exchange exchange;
    private final Selector selector = Selector.open();
    private final List<SocketChannel> sockets;
    private final ByteBuffer received = ByteBuffer.allocateDirect(READ_BYTES);
    private final ByteBuffer requests;
    private final Histogram latencies = new Histogram(3);
    private long answers;

    EchoLoad(ServerProcess server, Exchange exchange, int connections, int depth) throws IOException {
        this.exchange = exchange;
        this.requests = exchange.requests(depth);
        this.sockets = Sockets.open(server, exchange, connections);
        for (SocketChannel socket : sockets) {
            new Client(socket, depth).send(depth);
        }
    }

    @Override
    public long run(Duration time) throws IOException {
        answers = 0;
        latencies.reset();
        long end = System.nanoTime() + time.toNanos();
        do {
            if (selector.select(this::ready, STALL_MILLIS) == 0) {
                throw new IOException("no answer for " + STALL_MILLIS + " ms");
            }
        } while (System.nanoTime() - end < 0);
        return answers;
    }

    @Override
    public Histogram latencies() {
        return latencies;
    }

    private void ready(SelectionKey key) {
        Client client = (Client) key.attachment();
        try {
            if (key.isReadable()) {
                client.receive();
            }
            if (key.isWritable()) {
                client.flush();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        selector.close();
        Sockets.close(sockets);
    }

    private final class Client {
        private final SocketChannel socket;
        private final SelectionKey key;
        /** When each message in flight was sent; the oldest is the next to be answered and then replaced. */
        private final long[] sentAt;

        private int oldest;
        private int partialAnswer;
        private int unsent;
        private boolean blocked;

        Client(SocketChannel socket, int depth) throws IOException {
            this.socket = socket;
            this.sentAt = new long[depth];
            this.key = socket.register(selector, SelectionKey.OP_READ, this);
        }

        void receive() throws IOException {
            int count = socket.read(received.clear());
            if (count < 0) {
                throw new IOException("server closed a connection");
            }
            int bytes = partialAnswer + count;
            partialAnswer = bytes % exchange.replyBytes();
            int whole = bytes / exchange.replyBytes();
            if (whole > 0) {
                complete(whole);
                send(whole);
            }
        }

        private void complete(int whole) {
            answers += whole;
            long now = System.nanoTime();
            for (int i = 0; i < whole; i++) {
                latencies.recordValue(now - sentAt[(oldest + i) % sentAt.length]);
            }
        }

        void send(int messages) throws IOException {
            long now = System.nanoTime();
            for (int i = 0; i < messages; i++) {
                sentAt[oldest] = now;
                oldest = (oldest + 1) % sentAt.length;
            }
            unsent += messages * exchange.requestBytes();
            flush();
        }

        /** Where in the repeated bytes a write starts does not matter: answers are only counted. */
        void flush() throws IOException {
            unsent -= socket.write(requests.clear().limit(unsent));
            if (blocked != unsent > 0) {
                blocked = unsent > 0;
                key.interestOps(blocked ? SelectionKey.OP_READ | SelectionKey.OP_WRITE : SelectionKey.OP_READ);
            }
        }
    }
}
