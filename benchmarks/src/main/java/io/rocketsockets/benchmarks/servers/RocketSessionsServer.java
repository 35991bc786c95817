package io.rocketsockets.benchmarks.servers;

import io.rocketsockets.LoadBalancer;
import io.rocketsockets.RocketServer;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSession;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.stream.Stream;

/**
 * rocketsockets with one object a connection. What follows the engine, each behind a plus: {@code still} (no rebalancing),
 * {@code 2loops}, {@code least-connections}, {@code least-busy}.
 */
public final class RocketSessionsServer {
    private RocketSessionsServer() {}

    public static void main(String[] args) throws IOException {
        Reply reply = Reply.valueOf(args[0]);
        String[] variant = args[1].split("\\+");
        SocketServer server = RocketServer.create(x -> {
            x.addEndpoint("echo", e -> {
                        e.bindToAll().port(0).timeouts(t -> t.idle(Duration.ofHours(1)));
                        if (reply == Reply.SECURE_ECHO) {
                            e.secureSockets(tls -> tls.keyStore(TlsKey.path().toString(), TlsKey.PASSWORD)
                                    .handshakeTimeout(Duration.ofHours(1)));
                        }
                    })
                    .eventLoops(Integer.getInteger("loops", reply.loops()))
                    .engine(variant[0]);
            Stream.of(variant).skip(1).forEach(option -> configure(x, option));
        });
        server.start(socket -> {
            socket.startReading();
            return new Session(socket, reply);
        });
        SideChannel.serve(((InetSocketAddress) server.localAddress("echo")).getPort());
    }

    private static void configure(ServerConfigurator server, String option) {
        switch (option) {
            case "still" -> server.rebalancing(false);
            case "2loops" -> server.eventLoops(2);
            case "least-connections" -> server.loadBalancer(LoadBalancer.leastConnections());
            case "least-busy" -> server.loadBalancer(LoadBalancer.leastBusy());
            default -> throw new IllegalArgumentException("no such option of rocketsockets: " + option);
        }
    }

    private record Session(SocketHandle socket, Reply reply) implements SocketSession {
        @Override
        public void onBytes(ByteBuffer bytes) {
            if (reply != Reply.SMALL_WRITES) {
                reply.compute(bytes.remaining());
                socket.write(bytes);
                return;
            }
            for (int i = 0; i < Reply.PIECES; i++) {
                socket.write(Reply.PIECE); // position and limit stay as they are
            }
        }
    }
}
