package io.rocketsockets.benchmarks.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.Status;

/** {@link BareNioServer} with an {@link SSLEngine}: what a framework adds to the JDK's TLS is its distance to this. */
final class BareTlsServer {
    private static final int LONGEST_RECORD = 5 + 16 * 1024 + 2048;
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final SSLContext context = TlsKey.context(TlsKey.path());
    private final Selector selector = Selector.open();
    private final ServerSocketChannel listener = ServerSocketChannel.open();
    private final ByteBuffer received = ByteBuffer.allocateDirect(64 * 1024);
    private final ByteBuffer in = ByteBuffer.allocate(received.capacity() + LONGEST_RECORD);
    private final ByteBuffer plain = ByteBuffer.allocate(LONGEST_RECORD);
    private final ByteBuffer out = ByteBuffer.allocate(2 * in.capacity());

    private BareTlsServer() throws Exception {
        listener.bind(new InetSocketAddress(0), 4096).configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
    }

    static void main() throws Exception {
        var server = new BareTlsServer();
        new Thread(server::run, "bare-tls").start();
        SideChannel.serve(server.listener.socket().getLocalPort());
    }

    private void run() {
        try {
            for (; ; ) {
                selector.select(this::ready);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void ready(SelectionKey key) {
        try {
            if (key.isAcceptable()) {
                accept();
            } else if (key.isReadable()) {
                ((Peer) key.attachment()).read();
            } else {
                ((Peer) key.attachment()).flush();
            }
        } catch (IOException e) {
            hangUp(key);
        }
    }

    private void accept() throws IOException {
        for (SocketChannel socket = listener.accept(); socket != null; socket = listener.accept()) {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
            SSLEngine tls = context.createSSLEngine();
            tls.setUseClientMode(false);
            SelectionKey key = socket.register(selector, SelectionKey.OP_READ);
            key.attach(new Peer(socket, key, tls));
        }
    }

    private static void hangUp(SelectionKey key) {
        try {
            key.channel().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Peer {
        private final SocketChannel socket;
        private final SelectionKey key;
        private final SSLEngine tls;

        /** The beginning of a record. */
        private ByteBuffer rest = NOTHING;

        /** What the kernel did not take, or null; the socket is not read until it has gone. */
        private ByteBuffer unsent;

        Peer(SocketChannel socket, SelectionKey key, SSLEngine tls) {
            this.socket = socket;
            this.key = key;
            this.tls = tls;
        }

        void read() throws IOException {
            int count = socket.read(received.clear());
            in.clear().put(rest).put(received.flip()).flip();
            out.clear();
            boolean isOver = count < 0 || !progress();
            rest = in.hasRemaining()
                    ? ByteBuffer.allocate(in.remaining()).put(in).flip()
                    : NOTHING;
            socket.write(out.flip());
            if (isOver) {
                hangUp(key);
            } else if (out.hasRemaining()) {
                unsent = ByteBuffer.allocate(out.remaining()).put(out).flip();
                key.interestOps(SelectionKey.OP_WRITE);
            }
        }

        /** Handshakes and answers as far as the input reaches; false once the peer has ended the connection. */
        private boolean progress() throws IOException {
            for (; ; ) {
                switch (tls.getHandshakeStatus()) {
                    case NEED_TASK -> tls.getDelegatedTask().run();
                    case NEED_WRAP -> {
                        if (tls.wrap(NOTHING, out).getStatus() != Status.OK) {
                            return false;
                        }
                    }
                    default -> {
                        Status status = tls.unwrap(in, plain.clear()).getStatus();
                        for (plain.flip(); plain.hasRemaining(); ) {
                            tls.wrap(plain, out);
                        }
                        if (status == Status.BUFFER_UNDERFLOW) {
                            return true;
                        } else if (status != Status.OK) {
                            tls.closeOutbound();
                            tls.wrap(NOTHING, out);
                            return false;
                        }
                    }
                }
            }
        }

        void flush() throws IOException {
            socket.write(unsent);
            if (!unsent.hasRemaining()) {
                unsent = null;
                key.interestOps(SelectionKey.OP_READ);
            }
        }
    }
}
