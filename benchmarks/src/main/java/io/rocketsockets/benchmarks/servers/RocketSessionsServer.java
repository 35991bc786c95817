package io.rocketsockets.benchmarks.servers;

import io.rocketsockets.RocketServer;
import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSession;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/** rocketsockets with one object a connection. */
public final class RocketSessionsServer {
    private RocketSessionsServer() {}

    public static void main(String[] args) throws IOException {
        Reply reply = Reply.valueOf(args[0]);
        SocketServer server = RocketServer.create(x ->
                x.addEndpoint("echo", e -> e.bindToAll().port(0)).eventLoops(1).engine(args[1]));
        server.start(socket -> {
            socket.startReading();
            return new Session(socket, reply);
        });
        SideChannel.serve(((InetSocketAddress) server.localAddress("echo")).getPort());
    }

    private record Session(SocketHandle socket, Reply reply) implements SocketSession {
        @Override
        public void onBytes(ByteBuffer bytes) {
            if (reply == Reply.ECHO) {
                socket.write(bytes);
                return;
            }
            for (int i = 0; i < Reply.PIECES; i++) {
                socket.write(Reply.PIECE); // position and limit stay as they are
            }
        }
    }
}
