package io.rocketsockets.guice;

import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.SocketServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Servers on a free port of this machine, and clients that talk to them. */
final class Loopback {
    static final Consumer<ServerConfigurator> ANY_PORT = x ->
            x.eventLoops(1).addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0));

    private Loopback() {}

    static int portOf(SocketServer server) {
        return ((InetSocketAddress) server.localAddress("default")).getPort();
    }

    /** Nobody listens there now. */
    static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return free.getLocalPort();
        }
    }

    /** What the server answers to {@code text}, as far as that many bytes go. */
    static String answerTo(String text, SocketServer server) {
        return answerTo(text, portOf(server));
    }

    static String answerTo(String text, int port) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream().write(bytes);
            return new String(socket.getInputStream().readNBytes(bytes.length), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
