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

/** The least that a JDK selector loop can do: what a framework on NIO adds is its distance to this. */
public final class BareNioServer {
    private final Reply reply;
    private final Selector selector = Selector.open();
    private final ServerSocketChannel listener = ServerSocketChannel.open();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 * 1024);

    private BareNioServer(Reply reply) throws IOException {
        this.reply = reply;
        listener.bind(new InetSocketAddress(0), 4096).configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
    }

    public static void main(String[] args) throws Exception {
        if (Reply.valueOf(args[0]) == Reply.SECURE_ECHO) {
            BareTlsServer.main();
            return;
        }
        var server = new BareNioServer(Reply.valueOf(args[0]));
        new Thread(server::run, "bare-nio").start();
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
            if (key.isReadable()) {
                answer(key);
            } else if (key.isAcceptable()) {
                accept();
            } else {
                write(key, (ByteBuffer) key.attachment());
            }
        } catch (IOException e) {
            hangUp(key);
        }
    }

    private void accept() throws IOException {
        for (SocketChannel socket = listener.accept(); socket != null; socket = listener.accept()) {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true).configureBlocking(false);
            socket.register(selector, SelectionKey.OP_READ);
        }
    }

    private void answer(SelectionKey key) throws IOException {
        if (((SocketChannel) key.channel()).read(buffer.clear()) < 0) {
            hangUp(key);
            return;
        }
        if (reply == Reply.SMALL_WRITES) {
            buffer.clear();
            for (int i = 0; i < Reply.PIECES; i++) {
                buffer.put(Reply.PIECE.duplicate());
            }
        }
        write(key, buffer.flip());
    }

    /** What the kernel does not take is kept, and the socket is not read until it has gone. */
    private void write(SelectionKey key, ByteBuffer bytes) throws IOException {
        ((SocketChannel) key.channel()).write(bytes);
        if (bytes.hasRemaining() && bytes == buffer) {
            key.attach(ByteBuffer.allocateDirect(bytes.remaining()).put(bytes).flip());
            key.interestOps(SelectionKey.OP_WRITE);
        } else if (!bytes.hasRemaining() && bytes != buffer) {
            key.attach(null);
            key.interestOps(SelectionKey.OP_READ);
        }
    }

    private static void hangUp(SelectionKey key) {
        try {
            key.channel().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
