package io.rocketsockets.example;

import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketServer;
import io.rocketsockets.daemon.Daemon;
import jakarta.inject.Inject;
import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs what happens to each socket and echoes what it sends. A line per read shows how it works; it is not fast. */
final class ExampleService implements Daemon {
    private static final Logger LOG = LoggerFactory.getLogger(ExampleService.class);

    private final SocketServer socketServer;

    @Inject
    ExampleService(SocketServer socketServer) {
        this.socketServer = socketServer;
    }

    @Override
    public void start() {
        socketServer.start(this::socketConnected, this::bytesReceived);
    }

    @Override
    public void stop() {
        socketServer.stop();
    }

    private Runnable socketConnected(SocketHandle socket) {
        LOG.info("Socket {} connected.", socket.id());
        socket.startReading();
        return () -> socketClosed(socket.id());
    }

    private void bytesReceived(String id, ByteBuffer bytes) {
        LOG.info("{} bytes received from socket {}.", bytes.remaining(), id);
        socketServer.socket(id).ifPresent(socket -> socket.write(bytes));
    }

    private void socketClosed(String id) {
        LOG.info("Socket {} closed.", id);
    }
}
