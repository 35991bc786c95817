package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Open loop: messages leave by a schedule, whatever the server does, and each is timed from when it was due. A stall is
 * thus seen by every message that was due in it: no coordinated omission.
 *
 * <p><b>Threading:</b> one thread that never sleeps, since a timer's slack would be measured as the server's.
 */
final class PacedLoad implements Load {
    private static final int READ_BYTES = 64 * 1024;
    private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Exchange exchange;
    private final double nanosPerMessage;
    private final Selector selector = Selector.open();
    private final List<SocketChannel> sockets;
    private final List<Client> clients = new ArrayList<>();
    private final ByteBuffer received = ByteBuffer.allocateDirect(READ_BYTES);
    private final ByteBuffer request;
    private final Histogram latencies = new Histogram(3);
    private long start;
    private long answers;

    PacedLoad(ServerProcess server, Exchange exchange, int connections, double messagesPerSecond) throws IOException {
        this.exchange = exchange;
        this.nanosPerMessage = 1e9 / messagesPerSecond;
        this.request = exchange.requests(1);
        this.sockets = Sockets.open(server, exchange, connections);
        for (SocketChannel socket : sockets) {
            clients.add(new Client(socket, clients.size()));
        }
    }

    /** Sends what is due in that time, to the connections in turn, and returns when all of it has been answered. */
    @Override
    public long run(Duration time) throws IOException {
        long messages = (long) (time.toNanos() / nanosPerMessage);
        long sent = 0;
        answers = 0;
        latencies.reset();
        for (Client client : clients) {
            client.answered = 0;
        }
        start = System.nanoTime();
        while (answers < messages) {
            long now = System.nanoTime();
            if (sent < messages && now - due(sent) >= 0) {
                clients.get((int) (sent % clients.size())).send();
                sent++;
            } else if (now - due(sent) > STALL_NANOS) {
                throw new IOException("no answer for 5 s");
            }
            selector.selectNow(this::ready);
        }
        return answers;
    }

    private long due(long message) {
        return start + (long) (message * nanosPerMessage);
    }

    @Override
    public Histogram latencies() {
        return latencies;
    }

    private void ready(SelectionKey key) {
        try {
            ((Client) key.attachment()).receive();
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
        private final int index;
        private long answered;
        private int partialAnswer;

        Client(SocketChannel socket, int index) throws IOException {
            this.socket = socket;
            this.index = index;
            socket.register(selector, SelectionKey.OP_READ, this);
        }

        void send() throws IOException {
            if (socket.write(request.rewind()) != exchange.requestBytes()) {
                throw new IOException("more in flight than a socket's buffers hold: the rate is too high");
            }
        }

        void receive() throws IOException {
            int count = socket.read(received.clear());
            if (count < 0) {
                throw new IOException("server closed a connection");
            }
            long now = System.nanoTime();
            for (partialAnswer += count;
                    partialAnswer >= exchange.replyBytes();
                    partialAnswer -= exchange.replyBytes()) {
                latencies.recordValue(now - due(answered * clients.size() + index));
                answered++;
                answers++;
            }
        }
    }
}
