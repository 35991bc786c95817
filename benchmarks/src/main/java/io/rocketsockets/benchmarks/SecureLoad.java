package io.rocketsockets.benchmarks;

import io.rocketsockets.benchmarks.servers.TlsKey;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.Status;
import org.HdrHistogram.Histogram;

/**
 * Messages over TLS in a closed loop: on connections that stay, or each on a connection of its own that ends with its answer.
 * Every answer is compared.
 *
 * <p><b>Threading:</b> one thread, one selector. <b>Cost:</b> about that of the server, so a server is not always as busy as
 * it could be; what it does for a message is the same.
 */
final class SecureLoad implements Load {
    private static final long STALL_MILLIS = 5_000;
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final ServerProcess server;
    private final Exchange exchange;
    private final SSLContext context;
    private final boolean isChurn;
    private final int depth;
    private final ByteBuffer requests;
    private final Selector selector = Selector.open();
    private final ByteBuffer plain = ByteBuffer.allocate(32 * 1024);
    private final List<Client> clients = new ArrayList<>();
    private int turn;
    private long answers;

    private SecureLoad(
            ServerProcess server, Exchange exchange, Path trusted, int connections, int depth, boolean isChurn)
            throws IOException {
        this.server = server;
        this.exchange = exchange;
        this.context = context(trusted);
        this.isChurn = isChurn;
        this.depth = depth;
        this.requests = exchange.requests(depth);
        for (int i = 0; i < connections; i++) {
            Client client = new Client(i);
            clients.add(client);
            client.connect();
        }
        while (clients.stream().anyMatch(client -> !client.wasAnswered)) {
            select();
        }
    }

    static Load echo(ServerProcess server, Exchange exchange, Path trusted, int connections, int depth)
            throws IOException {
        return new SecureLoad(server, exchange, trusted, connections, depth, false);
    }

    static Load churn(ServerProcess server, Exchange exchange, Path trusted, int atOnce) throws IOException {
        return new SecureLoad(server, exchange, trusted, atOnce, 1, true);
    }

    private static SSLContext context(Path trusted) throws IOException {
        try {
            return TlsKey.context(trusted);
        } catch (GeneralSecurityException e) {
            throw new IOException("no TLS with " + trusted, e);
        }
    }

    @Override
    public long run(Duration time) throws IOException {
        answers = 0;
        long end = System.nanoTime() + time.toNanos();
        do {
            select();
        } while (System.nanoTime() - end < 0);
        return answers;
    }

    private void select() throws IOException {
        if (selector.select(SecureLoad::ready, STALL_MILLIS) == 0) {
            throw new IOException("no answer for " + STALL_MILLIS + " ms");
        }
    }

    private static void ready(SelectionKey key) {
        try {
            ((Client) key.attachment()).ready();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Histogram latencies() {
        return new Histogram(1);
    }

    @Override
    public void close() throws IOException {
        selector.close();
        for (Client client : clients) {
            client.socket.close();
        }
    }

    /** One connection at a time. */
    private final class Client {
        private final int place;
        private final ByteBuffer in = ByteBuffer.allocate(64 * 1024);
        private final ByteBuffer out = ByteBuffer.allocate(64 * 1024 + 2 * requests.capacity());
        private SocketChannel socket;
        private SelectionKey key;
        private SSLEngine tls;
        private boolean isOpen;
        private int partialAnswer;
        private boolean wasAnswered;

        Client(int place) {
            this.place = place;
        }

        void connect() throws IOException {
            tls = exchange.wire().client(context, place);
            tls.beginHandshake();
            isOpen = false;
            in.clear();
            out.clear();
            socket = SocketChannel.open();
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
            boolean isConnected = socket.connect(server.address(turn++));
            key = socket.register(selector, isConnected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, this);
            if (isConnected) {
                progress();
            }
        }

        void ready() throws IOException {
            if (key.isConnectable()) {
                socket.finishConnect();
            } else if (key.isReadable() && socket.read(in) < 0) {
                throw new IOException("server closed a connection");
            }
            progress();
        }

        /** As far as the input reaches; then sends what came of it. */
        private void progress() throws IOException {
            in.flip();
            while (!isChurnOver() && step()) {
                continue;
            }
            in.compact();
            socket.write(out.flip());
            out.compact();
            if (isChurnOver()) {
                socket.close();
                connect();
            } else {
                key.interestOps(
                        out.position() == 0 ? SelectionKey.OP_READ : SelectionKey.OP_READ | SelectionKey.OP_WRITE);
            }
        }

        private boolean isChurnOver() {
            return isChurn && tls.isOutboundDone();
        }

        /** False when there is nothing to do until more comes. */
        private boolean step() throws IOException {
            switch (tls.getHandshakeStatus()) {
                case NEED_TASK:
                    tls.getDelegatedTask().run();
                    return true;
                case NEED_WRAP:
                    tls.wrap(NOTHING, out);
                    return true;
                case NOT_HANDSHAKING:
                    if (!isOpen) {
                        isOpen = true;
                        send(depth);
                    }
                    return unwrap();
                default:
                    return unwrap();
            }
        }

        private void send(int messages) throws IOException {
            requests.clear().limit(messages * exchange.requestBytes());
            while (requests.hasRemaining()) {
                tls.wrap(requests, out);
            }
        }

        private boolean unwrap() throws IOException {
            Status status = tls.unwrap(in, plain.clear()).getStatus();
            if (status == Status.CLOSED) {
                throw new IOException("server ended a connection");
            }
            if (plain.flip().hasRemaining()) {
                receive();
            }
            return status == Status.OK;
        }

        private void receive() throws IOException {
            int count = plain.remaining();
            if (plain.mismatch(requests.clear().position(partialAnswer).limit(partialAnswer + count)) >= 0) {
                throw new IOException("server did not echo what it was sent");
            }
            int whole = (partialAnswer + count) / exchange.replyBytes();
            partialAnswer = (partialAnswer + count) % exchange.replyBytes();
            answers += whole;
            wasAnswered |= whole > 0;
            if (isChurn && whole > 0) {
                tls.closeOutbound();
                tls.wrap(NOTHING, out);
            } else {
                send(whole);
            }
        }
    }
}
