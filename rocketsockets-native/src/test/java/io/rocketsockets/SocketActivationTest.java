package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.daemon.Daemon;
import io.rocketsockets.guice.Assimilate;
import io.rocketsockets.linux.Capabilities;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several listening sockets that systemd hands over, told apart by their names. */
class SocketActivationTest {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    @TempDir
    private Path folder;

    /** Answers each byte by the first letter of the endpoint that it came to. */
    static final class Program implements Daemon {
        private final SocketServer server;

        @Inject
        Program(SocketServer server) {
            this.server = server;
        }

        public static void main(String[] args) {
            Assimilate.initialize()
                    .daemon(x -> x.args(args).name("activated").service(Program.class))
                    .rocketSockets(x ->
                            x.eventLoops(1).addEndpoint("chat", e -> e.port(0)).addEndpoint("admin", e -> e.port(0)))
                    .runDaemon();
        }

        @Override
        public void start() {
            server.start(socket -> {
                socket.startReading();
                return bytes -> {
                    byte letter = (byte) socket.endpoint().charAt(0);
                    socket.write(
                            ByteBuffer.allocate(bytes.remaining()).put(letter).flip());
                };
            });
        }

        @Override
        public void stop() {
            server.stop();
        }
    }

    /** In the order of the names, the second endpoint's first: it is the names that count. */
    private Process activate(String engine, int admin, int chat) throws IOException {
        List<String> command = new ArrayList<>(
                List.of("systemd-socket-activate", "--listen=127.0.0.1:" + admin, "--listen=127.0.0.1:" + chat));
        command.addAll(List.of(
                "--fdname=admin:chat",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dguice_bytecode_gen_option=DISABLED",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName(),
                "--set=engine=" + engine));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
    }

    private String log() throws IOException {
        return Files.readString(folder.resolve("log"));
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return free.getLocalPort();
        }
    }

    private static void assumeActivation() {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/systemd-socket-activate")),
                "skipped: there is no systemd-socket-activate");
    }

    private static int answer(int port) throws IOException {
        try (Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), port)) {
            socket.setSoTimeout((int) DEADLINE.toMillis());
            socket.getOutputStream().write('x');
            return socket.getInputStream().read();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"epoll", "io_uring"})
    void eachEndpointAdoptsTheSocketOfItsName(String engine) throws Exception {
        assumeActivation();
        Optional<String> refusal =
                engine.equals("io_uring") ? Capabilities.ofThisMachine().uring() : Optional.empty();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no io_uring: " + refusal.get());
        int admin = freePort();
        int chat = freePort();
        Process process = activate(engine, admin, chat);
        try {
            // The first connection starts the process; until the sockets are there it is refused.
            assertThat(await().atMost(DEADLINE).ignoreExceptions().until(() -> answer(admin), answer -> true))
                    .isEqualTo('a');
            assertThat(answer(chat)).isEqualTo('c');
            process.destroy();
            assertThat(process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as(log()).isEqualTo(143);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void theEngineOfTheJdkRefusesThemWithTheRemedy() throws Exception {
        assumeActivation();
        int admin = freePort();
        Process process = activate("nio", admin, freePort());
        try {
            await().atMost(DEADLINE).ignoreExceptions().until(() -> {
                new Socket(InetAddress.getByName("127.0.0.1"), admin).close();
                return true;
            });
            assertThat(process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as(log()).isEqualTo(69);
            assertThat(log())
                    .contains(
                            "cannot listen: endpoint=chat descriptor=4 engine=nio adopts descriptor 0 only; hand over a"
                                    + " single socket, as that, use the engine epoll or io_uring, or remove adopt(..)");
        } finally {
            process.destroyForcibly();
        }
    }
}
