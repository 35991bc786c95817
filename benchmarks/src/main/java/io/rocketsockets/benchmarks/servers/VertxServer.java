package io.rocketsockets.benchmarks.servers;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Vert.x 5 with one event loop over one of its transports; it flushes when a read is complete by itself. */
public final class VertxServer {
    private VertxServer() {}

    public static void main(String[] args) throws Exception {
        Reply reply = Reply.valueOf(args[0]);
        var server = Vertx.builder()
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .withTransport(transport(args[1]))
                .build()
                .createNetServer(
                        new NetServerOptions().setPort(0).setAcceptBacklog(4096).setTcpNoDelay(true))
                .connectHandler(socket -> serve(socket, reply))
                .listen()
                .toCompletionStage()
                .toCompletableFuture()
                .get(10, TimeUnit.SECONDS);
        SideChannel.serve(server.actualPort());
    }

    private static Transport transport(String name) throws IOException {
        Transport transport = switch (name) {
            case "nio" -> Transport.NIO;
            case "epoll" -> Transport.EPOLL;
            case "io_uring" -> Transport.IO_URING;
            default -> throw new IllegalArgumentException("no such transport of Vert.x: " + name);
        };
        if (!transport.available()) {
            throw new IOException("transport unavailable: " + name, transport.unavailabilityCause());
        }
        return transport;
    }

    private static void serve(NetSocket socket, Reply reply) {
        socket.exceptionHandler(failure -> socket.close());
        if (reply == Reply.ECHO) {
            socket.handler(socket::write);
            return;
        }
        Buffer piece = Buffer.buffer(new byte[Reply.PIECE_BYTES]);
        socket.handler(bytes -> {
            for (int i = 0; i < Reply.PIECES; i++) {
                socket.write(piece);
            }
        });
    }
}
