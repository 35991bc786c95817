package io.rocketsockets.guice;

import io.rocketsockets.OnBytesReceived;
import io.rocketsockets.OnConnectionReceived;
import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketServer;
import io.rocketsockets.daemon.Daemon;
import jakarta.inject.Inject;
import java.nio.ByteBuffer;

/** Takes the server, and is its callbacks too: a circle, but for the laziness of the callbacks. */
final class EchoService implements Daemon, OnConnectionReceived, OnBytesReceived {
    private final SocketServer server;

    @Inject
    EchoService(SocketServer server) {
        this.server = server;
    }

    @Override
    public void start() {
        server.start();
    }

    @Override
    public void stop() {
        server.stop();
    }

    @Override
    public Runnable connected(SocketHandle socket) {
        socket.startReading();
        return () -> {};
    }

    @Override
    public void received(String socketId, ByteBuffer bytes) {
        server.socket(socketId).orElseThrow().write(bytes);
    }
}
