package io.rocketsockets.benchmarks.servers;

import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Vert.x 5 over one of its transports; it flushes when a read is complete by itself. */
public final class VertxServer {
    private VertxServer() {}

    public static void main(String[] args) throws Exception {
        Reply reply = Reply.valueOf(args[0]);
        var port = new AtomicInteger();
        Vertx.builder()
                .with(new VertxOptions().setEventLoopPoolSize(reply.loops()))
                .withTransport(transport(args[1]))
                .build()
                .deployVerticle(() -> new Listener(reply, port), new DeploymentOptions().setInstances(reply.loops()))
                .toCompletionStage()
                .toCompletableFuture()
                .get(10, TimeUnit.SECONDS);
        SideChannel.serve(port.get());
    }

    /** One a loop, as its documentation advises: those that listen on one port take turns in accepting. */
    private static final class Listener extends VerticleBase {
        private static final int FREE_PORT_OF_ALL = -1;

        private final Reply reply;
        private final AtomicInteger port;

        Listener(Reply reply, AtomicInteger port) {
            this.reply = reply;
            this.port = port;
        }

        @Override
        public Future<?> start() {
            return vertx.createNetServer(new NetServerOptions()
                            .setPort(FREE_PORT_OF_ALL)
                            .setAcceptBacklog(4096)
                            .setTcpNoDelay(true))
                    .connectHandler(socket -> serve(socket, reply))
                    .listen()
                    .onSuccess(server -> port.set(server.actualPort()));
        }
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
        if (reply != Reply.SMALL_WRITES) {
            socket.handler(bytes -> {
                reply.compute(bytes.length());
                socket.write(bytes);
            });
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
