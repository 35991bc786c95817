package io.rocketsockets.benchmarks.servers;

import io.activej.bytebuf.ByteBuf;
import io.activej.bytebuf.ByteBufPool;
import io.activej.common.MemSize;
import io.activej.eventloop.Eventloop;
import io.activej.net.SimpleServer;
import io.activej.net.socket.tcp.ITcpSocket;
import io.activej.reactor.net.ServerSocketSettings;
import io.activej.reactor.net.SocketSettings;
import java.io.IOException;

/** ActiveJ 6: a socket is read again once what was written for the last read has left. */
public final class ActiveJServer {
    private static final byte[] PIECE = new byte[Reply.PIECE_BYTES];

    private final Reply reply;

    private ActiveJServer(Reply reply) {
        this.reply = reply;
    }

    public static void main(String[] args) throws IOException {
        Eventloop loop = Eventloop.create();
        ActiveJServer echo = new ActiveJServer(Reply.valueOf(args[0]));
        SimpleServer server = SimpleServer.builder(loop, echo::serve)
                .withListenPort(0)
                .withServerSocketSettings(
                        ServerSocketSettings.builder().withBacklog(4096).build())
                .withSocketSettings(SocketSettings.builder()
                        .withTcpNoDelay(true)
                        .withImplReadBufferSize(MemSize.kilobytes(64))
                        .build())
                .build();
        server.listen();
        new Thread(loop, "activej").start();
        SideChannel.serve(server.getBoundAddresses().get(0).getPort());
    }

    private void serve(ITcpSocket socket) {
        socket.read().whenComplete((bytes, failure) -> {
            if (failure != null || bytes == null) {
                socket.close();
            } else {
                socket.write(answer(bytes)).whenResult(() -> serve(socket));
            }
        });
    }

    /** ActiveJ takes one buffer a write and its own streams append small ones to one, so that is done here too. */
    private ByteBuf answer(ByteBuf bytes) {
        if (reply == Reply.ECHO) {
            return bytes;
        }
        bytes.recycle();
        ByteBuf pieces = ByteBufPool.allocate(Reply.PIECES * Reply.PIECE_BYTES);
        for (int i = 0; i < Reply.PIECES; i++) {
            pieces.put(PIECE);
        }
        return pieces;
    }
}
