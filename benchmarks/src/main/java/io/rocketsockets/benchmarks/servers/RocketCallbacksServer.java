package io.rocketsockets.benchmarks.servers;

import io.rocketsockets.RocketServer;
import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

/** rocketsockets with two callbacks: the socket of received bytes is looked up by its id. */
public final class RocketCallbacksServer {
    private final Reply reply;
    private final SocketServer server;

    private RocketCallbacksServer(Reply reply, String engine) {
        this.reply = reply;
        this.server = RocketServer.create(x ->
                x.addEndpoint("echo", e -> e.bindToAll().port(0)).eventLoops(1).engine(engine));
    }

    public static void main(String[] args) throws IOException {
        var echo = new RocketCallbacksServer(Reply.valueOf(args[0]), args[1]);
        echo.server.start(
                socket -> {
                    socket.startReading();
                    return null;
                },
                echo::received);
        SideChannel.serve(((InetSocketAddress) echo.server.localAddress("echo")).getPort());
    }

    private void received(String socketId, ByteBuffer bytes) {
        SocketHandle socket = server.socket(socketId).orElseThrow();
        if (reply == Reply.ECHO) {
            socket.write(bytes);
            return;
        }
        for (int i = 0; i < Reply.PIECES; i++) {
            socket.write(Reply.PIECE); // position and limit stay as they are
        }
    }
}
