package io.rocketsockets.guice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.Uninterruptibles;
import io.rocketsockets.daemon.Tool;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that a supervisor starts again and again. The supervisor is a shell, or the test. */
@Tag("process")
class DaemonRestartTest {
    private static final Duration DEADLINE = Duration.ofSeconds(30);
    private static final String ECHOING = "--service=" + TalkingDaemon.Echoing.class.getName();

    @TempDir
    private Path folder;

    private static InetSocketAddress free() throws IOException {
        return new InetSocketAddress("127.0.0.1", Loopback.freePort());
    }

    private static String echo(InetSocketAddress address, String text) {
        return Loopback.answerTo(text, address.getPort());
    }

    // ---- Ready ----

    /** Of eight endpoints the last too, at the first attempt, every time. */
    @Test
    void readyMeansThatEveryEndpointAccepts() throws Exception {
        NotifySocket.assume();
        List<String> names = List.of("a", "b", "c", "d", "e", "f", "g");
        for (int start = 0; start < 5; start++) {
            Path place = Files.createDirectory(folder.resolve("start" + start));
            List<String> arguments = new ArrayList<>(List.of(ECHOING));
            names.forEach(name -> arguments.add("--endpoint=" + name));
            try (NotifySocket systemd = new NotifySocket(place);
                    DaemonProcess daemon = DaemonProcess.start(
                            List.of(), Map.of("NOTIFY_SOCKET", systemd.name()), arguments.toArray(String[]::new))) {
                systemd.awaitTold("READY=1");
                for (String name : names) {
                    assertThat(echo(daemon.addressOf(name), "hello")).isEqualTo("hello");
                }
            }
        }
    }

    @Test
    void nobodyIsToldReadyBeforeTheLastServiceHasStarted() throws Exception {
        NotifySocket.assume();
        try (NotifySocket systemd = new NotifySocket(folder);
                DaemonProcess daemon = DaemonProcess.start(
                        List.of(),
                        Map.of("NOTIFY_SOCKET", systemd.name()),
                        ECHOING,
                        "--service=" + TalkingDaemon.HangsAtStart.class.getName())) {
            daemon.awaitLine("start HangsAtStart");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(systemd.told()).contains("STATUS=starting", "STOPPING=1").doesNotContain("READY=1");
        }
    }

    @Test
    void aReloadWhilePausedIsToldAsPaused() throws Exception {
        NotifySocket.assume();
        try (NotifySocket systemd = new NotifySocket(folder);
                DaemonProcess daemon =
                        DaemonProcess.start(List.of(), Map.of("NOTIFY_SOCKET", systemd.name()), ECHOING)) {
            daemon.awaitAddress();
            daemon.signal("TTOU");
            daemon.awaitLine("talking is paused");
            daemon.signal("HUP");
            systemd.awaitTold("STATUS=paused", "STATUS=reloading", "READY=1\nSTATUS=paused");
            daemon.signal("TTIN");
            systemd.awaitTold("READY=1\nSTATUS=paused", "STATUS=running");
        }
    }

    // ---- Restarted ----

    /** Killed after each line that it says, so in each phase of its start; the next one finds nothing in its way. */
    @Test
    void sigkillAtAnyMomentLeavesNothingInTheWay() throws Exception {
        InetSocketAddress address = free();
        Path socketFile = folder.resolve("app.sock");
        String[] arguments = {
            ECHOING,
            "--port=" + address.getPort(),
            "--endpoint=local",
            "--set=endpoint.local.bindTo=unix:" + socketFile,
            "--set=daemon.readyFile=" + folder.resolve("ready"),
            "--set=daemon.liveFile=" + folder.resolve("live")
        };
        boolean runs = false;
        for (int lines = 1; !runs; lines++) {
            try (DaemonProcess killed = DaemonProcess.start(arguments)) {
                for (int i = 0; i < lines && !runs; i++) {
                    runs = killed.next().endsWith("talking is running");
                }
                killed.signal("KILL");
                assertThat(killed.exitStatus()).isEqualTo(137);
            }
        }
        assertThat(socketFile).exists();
        try (DaemonProcess last = DaemonProcess.start(arguments)) {
            assertThat(last.awaitAddress()).isEqualTo(address);
            assertThat(echo(address, "again")).isEqualTo("again");
            try (SocketChannel local = SocketChannel.open(UnixDomainSocketAddress.of(socketFile))) {
                local.write(ByteBuffer.wrap(new byte[] {'x'}));
                ByteBuffer answer = ByteBuffer.allocate(1);
                local.read(answer);
                assertThat(answer.get(0)).isEqualTo((byte) 'x');
            }
        }
    }

    /** The test is the watchdog: it kills what has not told that it is alive. */
    @Test
    void aStuckLoopGetsTheServiceRestarted() throws Exception {
        NotifySocket.assume();
        try (NotifySocket systemd = new NotifySocket(folder);
                DaemonProcess daemon = DaemonProcess.start(
                        List.of("sh", "-c", "for run in 1 2; do \"$@\"; done", "sh"),
                        Map.of("NOTIFY_SOCKET", systemd.name(), "WATCHDOG_USEC", "1000000"),
                        ECHOING,
                        "--set=stallLimit=0", // else another thread would go on with the loop
                        "--port=" + free().getPort())) {
            long stuck = Long.parseLong(daemon.awaitAfter(", process "));
            daemon.awaitLine("talking is running");
            InetSocketAddress address = daemon.addressOf("default");
            await().atMost(DEADLINE).until(() -> systemd.count("WATCHDOG=1") >= 3);
            try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
                socket.getOutputStream().write(TalkingDaemon.Echoing.STUCK);
                systemd.awaitSilence("WATCHDOG=1", Duration.ofSeconds(3));
                DaemonProcess.signal("KILL", stuck);
                assertThat(Long.parseLong(daemon.awaitAfter(", process "))).isNotEqualTo(stuck);
            }
            daemon.awaitLine("talking is running");
            long alive = systemd.count("WATCHDOG=1");
            assertThat(echo(address, "again")).isEqualTo("again");
            await().atMost(DEADLINE).until(() -> systemd.count("WATCHDOG=1") > alive);
        }
    }

    /** Connects one after the other until it is closed. */
    private static final class Connects implements AutoCloseable {
        private final Thread thread = new Thread(this::run, "connects");
        private final InetSocketAddress address;
        private final List<IOException> refused = new ArrayList<>();
        private final AtomicLong echoes = new AtomicLong();
        private volatile boolean done;

        Connects(InetSocketAddress address) {
            this.address = address;
            thread.start();
        }

        private void run() {
            while (!done) {
                try (Socket socket = new Socket()) {
                    connect(socket);
                    socket.setSoTimeout((int) DEADLINE.toMillis());
                    socket.getOutputStream().write('x');
                    if (socket.getInputStream().read() == 'x') {
                        echoes.incrementAndGet();
                    }
                } catch (IOException cut) {
                    // By a process that was killed, or found it with nothing queued when it stopped: it had been
                    // accepted.
                }
            }
        }

        private void connect(Socket socket) throws IOException {
            try {
                socket.connect(address, (int) DEADLINE.toMillis());
            } catch (IOException failure) {
                refused.add(failure);
                throw failure;
            }
        }

        void awaitEchoes(int more) {
            long before = echoes.get();
            await().atMost(DEADLINE).until(() -> echoes.get() >= before + more);
        }

        void end() {
            done = true;
            Uninterruptibles.joinUninterruptibly(thread);
        }

        @Override
        public void close() {
            end();
        }
    }

    /** The shell holds the listening socket, as systemd does, and hands it to each process as descriptor 0. */
    @Test
    void restartsRefuseNoConnection() throws Exception {
        Tool.assume("systemd-socket-activate");
        InetSocketAddress address = free();
        List<String> supervised = List.of(
                "systemd-socket-activate",
                "--listen=127.0.0.1:" + address.getPort(),
                "sh",
                "-c",
                "for run in 1 2 3 4; do \"$@\" <&3; done",
                "sh");
        try (DaemonProcess daemon = DaemonProcess.start(supervised, Map.of(), ECHOING)) {
            // The first connection starts the shell; until the socket is there it is refused.
            assertThat(await().atMost(DEADLINE).ignoreExceptions().until(() -> echo(address, "first"), a -> true))
                    .isEqualTo("first");
            try (Connects connects = new Connects(address)) {
                for (String signal : List.of("TERM", "KILL", "TERM")) {
                    long running = Long.parseLong(daemon.awaitAfter(", process "));
                    daemon.awaitLine("talking is running");
                    connects.awaitEchoes(100);
                    DaemonProcess.signal(signal, running);
                }
                long last = Long.parseLong(daemon.awaitAfter(", process "));
                connects.awaitEchoes(100);
                connects.end();
                assertThat(connects.refused).isEmpty();
                DaemonProcess.signal("TERM", last);
                assertThat(daemon.exitStatus()).isEqualTo(143);
            }
        }
    }
}
