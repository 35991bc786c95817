package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;

/** Opens client sockets and proves that the server at their other end answers rightly before anything is measured. */
final class Sockets {
    private Sockets() {}

    /** So many of them, or none. */
    static List<SocketChannel> open(ServerProcess server, Exchange exchange, int count) throws IOException {
        List<SocketChannel> sockets = new ArrayList<>(count);
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(open(server, i, exchange));
            }
            return sockets;
        } catch (IOException e) {
            close(sockets);
            throw e;
        }
    }

    static void close(List<SocketChannel> sockets) throws IOException {
        for (SocketChannel socket : sockets) {
            socket.close();
        }
    }

    /** A connected, non-blocking socket that has had one whole answer; an echo is compared byte by byte. */
    static SocketChannel open(ServerProcess server, int turn, Exchange exchange) throws IOException {
        SocketChannel socket = SocketChannel.open(server.address(turn));
        try {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            exchangeOnce(socket, exchange);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static void exchangeOnce(SocketChannel socket, Exchange exchange) throws IOException {
        ByteBuffer request = exchange.requests(1);
        ByteBuffer reply = ByteBuffer.allocate(exchange.replyBytes());
        // A message may be larger than both socket buffers: read what has come back between the writes.
        socket.configureBlocking(false);
        while (reply.hasRemaining()) {
            socket.write(request);
            if (socket.read(reply) < 0) {
                throw new IOException("server closed a connection after bytes=" + reply.position());
            }
        }
        if (exchange.isEcho() && !reply.flip().equals(request.rewind())) {
            throw new IOException("server did not echo what it was sent: bytes=" + reply.capacity());
        }
    }
}
