package io.rocketsockets.guice;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What supervisors and operators see of a process, and how it obeys them. */
@Tag("process")
class DaemonSupervisionTest {
    private static final Duration DEADLINE = Duration.ofSeconds(30);
    private static final String ECHOING = "--service=" + TalkingDaemon.Echoing.class.getName();

    private static final String PASSWORD = "quite secret";

    /** Else another thread would go on with a loop that hangs in a callback. */
    private static final String NOBODY_HELPS = "--set=stallLimit=0";

    @TempDir
    private Path folder;

    private static void assume(String program) {
        boolean isThere = Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(place -> Files.isExecutable(Path.of(place, program)));
        assumeTrue(isThere, "skipped: there is no " + program);
    }

    private static String echo(InetSocketAddress address, String text) {
        return Loopback.answerTo(text, address.getPort());
    }

    // ---- Configuration ----

    @Test
    void optionsAreShownWithTheirOrigin() throws Exception {
        Path file = Files.writeString(folder.resolve("my.properties"), "acceptRate=5\n");
        try (DaemonProcess daemon = DaemonProcess.start(
                List.of(),
                Map.of("ROCKETSOCKETS_MAX_CONNECTIONS", "9"),
                "--print-config",
                "--port=7",
                "--set",
                "daemon.stopTimeout=3s",
                "--config=" + file)) {
            assertThat(daemon.exitStatus()).isZero();
            assertThat(daemon.output())
                    .anyMatch(line -> line.matches("daemon.stopTimeout=3s +# --set"))
                    .anyMatch(line -> line.matches("maxConnections=9 +# environment ROCKETSOCKETS_MAX_CONNECTIONS"))
                    .anyMatch(line -> line.matches("acceptRate=5 +# " + file))
                    .anyMatch(line -> line.matches("endpoint.default.port=7 +# program"))
                    .anyMatch(line -> line.matches("readBufferSize=256K +# default"));
            assertThat(daemon.calls()).isEmpty();
        }
    }

    @Test
    void aConfigurationCanBeChecked() throws Exception {
        try (DaemonProcess good = DaemonProcess.start("--check-config");
                DaemonProcess bad = DaemonProcess.start("--check-config", "--set=evntLoops=1")) {
            assertThat(good.exitStatus()).isZero();
            assertThat(good.output()).contains("talking: the configuration is valid");
            assertThat(bad.exitStatus()).isEqualTo(78);
            assertThat(bad.errors()).contains("unknown key: evntLoops (--set) is no option; did you mean eventLoops?");
        }
    }

    @Test
    void theStartIsReported() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(ECHOING, "--set=eventLoops=2", "--set=acceptRate=1000")) {
            daemon.awaitAddress();
            assertThat(String.join("\n", daemon.output()))
                    .containsPattern("listening: default=/127.0.0.1:\\d+ loops=2 engine=\\w+")
                    .contains("Java " + Runtime.version(), "acceptRate=1000", "TLS: none")
                    .contains("set from outside: eventLoops=2 (--set)");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
        }
    }

    @Test
    void sighupReloadsAllOrNothing() throws Exception {
        Path file = Files.writeString(folder.resolve("my.properties"), "maxConnections=1\n");
        try (DaemonProcess daemon = DaemonProcess.start(ECHOING, "--config=" + file)) {
            InetSocketAddress address = daemon.awaitAddress();
            try (Socket first = new Socket(address.getAddress(), address.getPort());
                    Socket second = new Socket(address.getAddress(), address.getPort())) {
                first.getOutputStream().write('1');
                assertThat(first.getInputStream().read()).isEqualTo('1');
                second.getOutputStream().write('2');

                Files.writeString(file, "maxConnections=none\n");
                daemon.signal("HUP");
                assertThat(daemon.awaitAfter("keeps its configuration:")).isNotEmpty();

                Files.writeString(file, "maxConnections=2\neventLoops=3\n");
                daemon.signal("HUP");
                assertThat(daemon.awaitAfter("reloaded: eventLoops=3")).endsWith(", in force after a restart");
                assertThat(daemon.awaitAfter("reloaded: maxConnections=2")).endsWith(")");
                daemon.awaitLine("changed=2");
                assertThat(second.getInputStream().read()).isEqualTo('2');
            }
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
        }
    }

    @Test
    void sighupServesNewCertificates() throws Exception {
        Path first = keyStore("first");
        Path second = keyStore("second");
        Path served = Files.copy(first, folder.resolve("served.p12"));
        try (DaemonProcess daemon = DaemonProcess.start(
                ECHOING,
                "--set=endpoint.default.secureSockets=true",
                "--set=secureWithCertFrom=" + served,
                "--set=keyStorePassword=" + PASSWORD)) {
            InetSocketAddress address = daemon.awaitAddress();
            try (Socket before = secure(address, first)) {
                Files.copy(second, served, StandardCopyOption.REPLACE_EXISTING);
                daemon.signal("HUP");
                daemon.awaitAfter("certificates reloaded: endpoint=default");
                secure(address, second).close();

                Files.writeString(served, "no certificate");
                daemon.signal("HUP");
                assertThat(daemon.awaitAfter("certificates not reloaded, those of before are served on:"))
                        .contains("endpoint=default", served.toString(), "neither PEM nor a PKCS#12");
                secure(address, second).close();
                assertThat(echo(before)).isEqualTo('x');
            }
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.output())
                    .anyMatch(line -> line.contains("set from outside: keyStorePassword=**** (--set)"))
                    .noneMatch(line -> line.contains(PASSWORD))
                    .filteredOn(line -> line.contains("not reloaded"))
                    .hasSize(1);
        }
    }

    private Path keyStore(String name) throws Exception {
        Path file = folder.resolve(name);
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=" + name,
                        "-storepass",
                        PASSWORD,
                        "-keystore",
                        file.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(keytool.getInputStream().readAllBytes(), US_ASCII);
        assertThat(keytool.waitFor()).as(output).isZero();
        return file;
    }

    /** Echoed to, over TLS, by a server that shows the certificate of this key store. */
    private static Socket secure(InetSocketAddress address, Path keyStore) throws Exception {
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(KeyStore.getInstance(keyStore.toFile(), PASSWORD.toCharArray()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        Socket socket = context.getSocketFactory().createSocket(address.getAddress(), address.getPort());
        assertThat(echo(socket)).isEqualTo('x');
        return socket;
    }

    private static int echo(Socket socket) throws IOException {
        socket.getOutputStream().write('x');
        return socket.getInputStream().read();
    }

    @Test
    void everyServerHasKeysAndReloads() throws Exception {
        Path file = Files.writeString(folder.resolve("my.properties"), "admin.maxConnections=1\n");
        String administering = "--service=" + TalkingDaemon.Administering.class.getName();
        Map<String, String> environment = Map.of("ROCKETSOCKETS_ADMIN_ENDPOINT_DEFAULT_BACKLOG", "9");
        try (DaemonProcess shown =
                DaemonProcess.start(List.of(), environment, "--admin", "--print-config", "--config=" + file)) {
            assertThat(shown.exitStatus()).as(shown.errors()).isZero();
            assertThat(shown.output())
                    .anyMatch(line -> line.matches("maxConnections=0 +# default"))
                    .anyMatch(line -> line.matches("admin.maxConnections=1 +# " + file))
                    .anyMatch(line ->
                            line.matches("admin.endpoint.default.backlog=9 +# environment ROCKETSOCKETS_ADMIN.*"));
        }
        try (DaemonProcess daemon = DaemonProcess.start("--admin", ECHOING, administering, "--config=" + file)) {
            daemon.awaitAddress();
            assertThat(daemon.output()).anyMatch(line -> line.contains("admin.limits: maxConnections=1 "));
            Files.writeString(file, "admin.maxConnections=2\nacceptRate=none\n");
            daemon.signal("HUP");
            assertThat(daemon.awaitAfter("keeps its configuration:")).isNotEmpty();
            Files.writeString(file, "admin.maxConnections=3\nacceptRate=5\n");
            daemon.signal("HUP");
            daemon.awaitAfter("reloaded: acceptRate=5 ");
            assertThat(daemon.awaitAfter("reloaded: admin.maxConnections=3 ")).endsWith(")");
            daemon.awaitLine("changed=2");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
        }
    }

    // ---- The end ----

    /** What was echoed before the end, and waits since nobody reads it, is delivered. */
    @Test
    void sigtermUnderLoadLosesNoByte() throws Exception {
        byte[] sent = new byte[8 << 20];
        new Random(2).nextBytes(sent);
        sent[0] = 'x';
        List<SocketChannel> clients = new ArrayList<>();
        try (DaemonProcess daemon = DaemonProcess.start(ECHOING)) {
            InetSocketAddress address = daemon.awaitAddress();
            for (int i = 0; i < 20; i++) {
                SocketChannel client = SocketChannel.open(address);
                clients.add(client);
                client.configureBlocking(false);
                ByteBuffer bytes = ByteBuffer.wrap(sent);
                while (client.write(bytes) > 0) {
                    // Until it does not fit any more.
                }
                client.configureBlocking(true);
                assertThat(client.socket().getInputStream().read()).isEqualTo('x');
            }
            daemon.signal("TERM");
            daemon.awaitLine("talking is stopping");
            long received = 0;
            for (SocketChannel client : clients) {
                byte[] rest = client.socket().getInputStream().readAllBytes();
                assertThat(Arrays.equals(rest, 0, rest.length, sent, 1, 1 + rest.length))
                        .as("each byte is the one that was sent")
                        .isTrue();
                received += 1 + rest.length;
            }
            assertThat(Long.parseLong(daemon.awaitAfter("echoed "))).isEqualTo(received);
            assertThat(daemon.exitStatus()).isEqualTo(143);
        } finally {
            for (SocketChannel client : clients) {
                client.close();
            }
        }
    }

    @Test
    void sigkillLeavesNothingInTheWay() throws Exception {
        Path ready = folder.resolve("ready");
        String readyFile = "--set=daemon.readyFile=" + ready;
        InetSocketAddress address;
        try (DaemonProcess killed = DaemonProcess.start(ECHOING, readyFile)) {
            address = killed.awaitAddress();
            try (Socket open = new Socket(address.getAddress(), address.getPort())) {
                open.getOutputStream().write('x');
                assertThat(open.getInputStream().read()).as("it is accepted").isEqualTo('x'); // else it is reset
                killed.signal("KILL");
                assertThat(killed.exitStatus()).isEqualTo(137);
                assertThat(open.getInputStream().read()).isEqualTo(-1);
            }
            assertThat(ready).exists();
        }
        String hanging = "--service=" + TalkingDaemon.HangsAtStart.class.getName();
        try (DaemonProcess next = DaemonProcess.start(ECHOING, hanging, readyFile, "--port=" + address.getPort())) {
            next.awaitLine("start HangsAtStart");
            assertThat(ready).doesNotExist();
            assertThat(echo(address, "again")).isEqualTo("again");
        }
    }

    // ---- Pausing ----

    @Test
    void whilePausedConnectionsWait() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(ECHOING)) {
            InetSocketAddress address = daemon.awaitAddress();
            try (Socket before = new Socket(address.getAddress(), address.getPort())) {
                before.getOutputStream().write('1');
                assertThat(before.getInputStream().read()).isEqualTo('1');
                daemon.signal("TTOU");
                daemon.awaitLine("talking is paused");
                before.getOutputStream().write('2');
                assertThat(before.getInputStream().read()).isEqualTo('2');
                try (Socket meanwhile = new Socket(address.getAddress(), address.getPort())) {
                    meanwhile.getOutputStream().write('3');
                    daemon.signal("TTIN");
                    daemon.awaitLine("talking is running again");
                    assertThat(meanwhile.getInputStream().read()).isEqualTo('3');
                }
            }
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
        }
    }

    // ---- Orchestrators ----

    private static int status(String url) throws IOException {
        HttpURLConnection connection =
                (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setReadTimeout((int) DEADLINE.toMillis());
        return connection.getResponseCode();
    }

    @Test
    void healthIsToldByHttpAndByFiles() throws Exception {
        Path ready = folder.resolve("ready");
        Path live = folder.resolve("live");
        try (DaemonProcess daemon = DaemonProcess.start(
                ECHOING,
                "--set=daemon.healthEndpoint=127.0.0.1:0",
                "--set=daemon.readyFile=" + ready,
                "--set=daemon.liveFile=" + live,
                "--set=daemon.drainDelay=2s")) {
            String url = daemon.awaitAfter("health: ").replaceAll("/live.*", "");
            InetSocketAddress address = daemon.awaitAddress();
            assertThat(status(url + "/live")).isEqualTo(200);
            assertThat(status(url + "/ready")).isEqualTo(200);
            assertThat(status(url + "/other")).isEqualTo(404);
            assertThat(ready).exists();
            await().atMost(DEADLINE).until(() -> Files.exists(live));

            daemon.signal("TERM");
            await().atMost(DEADLINE).until(() -> status(url + "/ready") == 503);
            assertThat(ready).doesNotExist();
            assertThat(status(url + "/live")).isEqualTo(200);
            assertThat(echo(address, "served while draining")).isEqualTo("served while draining");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(live).doesNotExist();
        }
    }

    @Test
    void aStuckLoopIsNotAlive() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(
                ECHOING, NOBODY_HELPS, "--set=daemon.healthEndpoint=127.0.0.1:0", "--set=daemon.stopTimeout=1s")) {
            String url = daemon.awaitAfter("health: ").replaceAll("/live.*", "");
            InetSocketAddress address = daemon.awaitAddress();
            try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
                socket.getOutputStream().write(TalkingDaemon.Echoing.STUCK);
                await().atMost(DEADLINE).until(() -> status(url + "/live") == 503 && status(url + "/ready") == 503);
            }
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
        }
    }

    @Test
    void aHealthEndpointThatIsTakenEndsWith69() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
                DaemonProcess daemon =
                        DaemonProcess.start(ECHOING, "--set=daemon.healthEndpoint=127.0.0.1:" + taken.getLocalPort())) {
            assertThat(daemon.exitStatus()).isEqualTo(69);
            assertThat(daemon.errors())
                    .contains("cannot listen: healthEndpoint=127.0.0.1:" + taken.getLocalPort()
                            + " Address already in use; pass an address of this machine and a free port");
            assertThat(daemon.calls()).isEmpty();
        }
    }

    // ---- systemd ----

    @Test
    void systemdIsToldWhatHappens() throws Exception {
        NotifySocket.assume();
        try (NotifySocket systemd = new NotifySocket(folder)) {
            Map<String, String> environment = Map.of("NOTIFY_SOCKET", systemd.name(), "WATCHDOG_USEC", "400000");
            try (DaemonProcess daemon =
                    DaemonProcess.start(List.of(), environment, ECHOING, NOBODY_HELPS, "--set=daemon.stopTimeout=2s")) {
                InetSocketAddress address = daemon.awaitAddress();
                systemd.awaitTold("READY=1\nSTATUS=running");
                systemd.awaitTold("WATCHDOG=1");
                daemon.signal("HUP");
                daemon.awaitLine("changed=0");
                systemd.awaitTold("RELOADING=1");

                try (Socket stuck = new Socket(address.getAddress(), address.getPort())) {
                    stuck.getOutputStream().write(TalkingDaemon.Echoing.STUCK);
                    assertThat(daemon.awaitAfter("a loop has not come round within 100 ms"))
                            .isNotEmpty();
                    daemon.signal("TERM");
                    assertThat(daemon.exitStatus()).isEqualTo(143);
                }
            }
            assertThat(systemd.told())
                    .containsSubsequence(
                            "STATUS=starting",
                            "EXTEND_TIMEOUT_USEC=60000000",
                            "READY=1",
                            "STATUS=running",
                            "RELOADING=1",
                            "MONOTONIC_USEC=",
                            "READY=1",
                            "STOPPING=1",
                            "STATUS=stopping",
                            "EXTEND_TIMEOUT_USEC=3000000");
        }
    }

    /** The descriptor is put where the JDK adopts it, as {@code StandardInput=socket} does. */
    @Test
    void aSocketThatWasHandedOverIsAdoptedAndOutlivesTheServer() throws Exception {
        assume("systemd-socket-activate");
        InetSocketAddress address;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            address = new InetSocketAddress("127.0.0.1", free.getLocalPort());
        }
        List<String> activated = List.of(
                "systemd-socket-activate",
                "--listen=127.0.0.1:" + address.getPort(),
                "--fdname=default",
                "sh",
                "-c",
                "exec \"$@\" <&3",
                "sh");
        try (DaemonProcess daemon = DaemonProcess.start(activated, Map.of(), ECHOING)) {
            // The first connection starts the process; until the socket is there it is refused.
            String first = await().atMost(DEADLINE).ignoreExceptions().until(() -> echo(address, "first"), a -> true);
            assertThat(first).isEqualTo("first");
            daemon.awaitLine("talking is running");
            assertThat(String.join("\n", daemon.output()))
                    .contains("listening: default=/127.0.0.1:" + address.getPort())
                    .contains("set from outside: endpoint.default.adopt=0 (systemd)");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.output())
                    .as("stdout, which the JDK closes together with an inherited socket")
                    .anyMatch(line -> line.endsWith("talking has stopped"));
        }
    }

    @Test
    void aSocketForNoEndpointIsABadConfiguration() throws Exception {
        assume("bash");
        List<String> activated = List.of("bash", "-c", "export LISTEN_PID=$$; exec \"$@\"", "bash");
        Map<String, String> environment = Map.of("LISTEN_FDS", "2", "LISTEN_FDNAMES", "default:metrics");
        try (DaemonProcess daemon = DaemonProcess.start(activated, environment, ECHOING)) {
            assertThat(daemon.exitStatus()).isEqualTo(78);
            assertThat(daemon.errors()).contains("socket=metrics was handed over and is the name of no endpoint");
        }
    }
}
