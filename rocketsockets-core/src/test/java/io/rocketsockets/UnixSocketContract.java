package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.proxy.ProxyProtocol;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group M: the file by which a Unix socket is found, who may use it, and who does. */
abstract class UnixSocketContract extends EngineContract {
    private static final String NOBODY = "65534";
    private static final String ADOPTED = "adopted";

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void chooseFile() throws IOException {
        file = folder.resolve("app.sock");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private TestServer at(Path path) {
        return server(x -> {}, e -> e.bindTo("unix:" + path));
    }

    private static boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    private String refusal(TestServer server) {
        Throwable[] refusal = new Throwable[1];
        assertThatThrownBy(() -> server.start(echo()))
                .isInstanceOf(ServerStartException.class)
                .satisfies(e -> refusal[0] = e);
        return refusal[0].getMessage().replace(folder.toString(), "FOLDER");
    }

    /** What is left when a process is killed: the kernel does not remove it. */
    private void leaveFileBehind() throws IOException {
        try (ServerSocketChannel killed = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            killed.bind(UnixDomainSocketAddress.of(file));
        }
    }

    // ---- The way of a server ----

    @Test
    void echoesAndTellsWhereItIs() throws Exception {
        TestServer server = at(file).start(echo());
        assertThat(server.address()).isEqualTo(UnixDomainSocketAddress.of(file));
        Client client = server.connect();
        assertThat(client.exchange("hello")).isEqualTo("hello");
        SocketHandle socket = server.socket(client);
        assertThat(socket.localAddress()).isEqualTo(UnixDomainSocketAddress.of(file));
        assertThat(socket.remoteAddress()).isEqualTo(client.address());
    }

    @Test
    void aPeerWithoutANameHasAnEmptyPath() throws Exception {
        CompletableFuture<SocketHandle> accepted = new CompletableFuture<>();
        SocketServer server = closeLater(RocketServer.create(
                x -> x.engine(engine()).addEndpoint("e", e -> e.bindTo("unix:" + file))));
        server.start(socket -> {
            accepted.complete(socket);
            socket.close();
            return bytes -> {};
        });
        try (SocketChannel peer = SocketChannel.open(UnixDomainSocketAddress.of(file))) {
            assertThat(peer.isConnected()).isTrue();
            assertThat(accepted.get().remoteAddress()).isEqualTo(UnixDomainSocketAddress.of(""));
        }
    }

    @Test
    void theStopRemovesTheFileAndTheNextStartMakesIt() throws Exception {
        TestServer server = at(file).start(echo());
        server.server.stop();
        assertThat(exists(file)).isFalse();
        server.start(echo());
        assertThat(server.connect().exchange("again")).isEqualTo("again");
    }

    @Test
    void aRelativePathCountsFromTheWorkingDirectory() throws Exception {
        Path relative = Path.of("").toAbsolutePath().relativize(file);
        TestServer server = at(relative).start(echo());
        assertThat(server.address()).isEqualTo(UnixDomainSocketAddress.of(relative));
        try (Client client = new Client(UnixDomainSocketAddress.of(file))) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        server.server.stop();
        assertThat(exists(file)).isFalse();
    }

    @Test
    void a11_theFileIsRemovedWhenAnotherEndpointCannotBeBound() throws Exception {
        try (ServerSocket taken = new ServerSocket(0)) {
            TestServer server = server(
                    x -> x.addEndpoint("other", e -> e.port(taken.getLocalPort())), e -> e.bindTo("unix:" + file));
            assertThat(refusal(server)).contains("endpoint=other");
        }
        assertThat(exists(file)).isFalse();
    }

    @Test
    void a11_endpointsOfBothKindsServeSideBySide() throws Exception {
        TestServer server = server(x -> x.addEndpoint("tcp", TestServer::forWitnesses), e -> e.bindTo("unix:" + file))
                .start(echo());
        assertThat(server.connect().exchange("unix")).isEqualTo("unix");
        assertThat(server.connectTo("tcp").exchange("tcp")).isEqualTo("tcp");
    }

    @Test
    @WithoutBystander(WithoutBystander.IT_COUNTS)
    void aThousandConnectionsOnThreeLoops() throws Exception {
        TestServer server =
                server(x -> x.eventLoops(3), e -> e.bindTo("unix:" + file)).start(echo());
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            clients.add(server.connect());
        }
        for (Client client : clients) {
            client.send(String.valueOf(client.address()));
        }
        for (Client client : clients) {
            String sent = String.valueOf(client.address());
            assertThat(client.receive(sent.length())).isEqualTo(sent);
        }
        assertThat(server.server.stats().loops())
                .allSatisfy(loop -> assertThat(loop.connections()).isBetween(300, 400));
        for (Client client : clients) {
            client.close();
        }
        await().until(() -> server.server.stats().open() == 0);
    }

    @Test
    void aStreamMovesFromLoopToLoopWhileItFlows() throws Exception {
        TestServer server =
                server(x -> x.eventLoops(3), e -> e.bindTo("unix:" + file)).start(echo());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        byte[] sent = random(7, 16 * 1024 * 1024);
        CompletableFuture<Client> sending = async(() -> client.send(sent));
        CompletableFuture<byte[]> received = async(() -> client.receiveBytes(sent.length));
        Random random = new Random(8);
        while (!received.isDone()) {
            book.socket.moveTo(random.nextInt(3));
            book.awaitTurns();
        }
        sending.join();
        assertThat(received.join()).isEqualTo(sent);
        assertThat(client.endOutput().receiveAll()).isEmpty();
    }

    /** The file belongs to whoever has made it, such as systemd. */
    @Test
    void aSocketThatWasHandedOverIsServedAndItsFileStays() throws Exception {
        Process server = serverProcess(List.of("/usr/bin/python3", "-c", """
                        import os, socket, sys
                        listening = socket.socket(socket.AF_UNIX)
                        listening.bind(sys.argv[1])
                        listening.listen()
                        os.dup2(listening.fileno(), 0)
                        os.execvp(sys.argv[2], sys.argv[2:])
                        """, file.toString()), ADOPTED);
        BufferedReader said = server.inputReader(UTF_8);
        assertThat(said.readLine()).isEqualTo("listening " + file);
        try (Client client = new Client(UnixDomainSocketAddress.of(file))) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        assertThat(said.readLine()).isEqualTo("stopped");
        assertThat(exists(file)).isTrue();
    }

    // ---- What is of TCP ----

    @Test
    void optionsOfTcpDoNotApply() throws Exception {
        TestServer server = server(
                        x -> {},
                        e -> e.bindTo("unix:" + file)
                                .port(1)
                                .keepAlive(Duration.ofSeconds(60), Duration.ofSeconds(10), 6)
                                .userTimeout(Duration.ofSeconds(30)))
                .start(echo());
        assertThat(server.connect().exchange("x")).isEqualTo("x");
    }

    @Test
    void aLimitPerAddressDoesNotCountPeers() throws Exception {
        TestServer server = server(x -> x.maxConnectionsPerAddress(1), e -> e.bindTo("unix:" + file))
                .start(echo());
        for (int i = 0; i < 3; i++) {
            assertThat(server.connect().exchange("x")).isEqualTo("x");
        }
    }

    @Test
    void connectionsAreCountedAndRefused() throws Exception {
        TestServer server = server(
                        x -> x.surplusConnections(ConnectionLimits.Surplus.REFUSE),
                        e -> e.bindTo("unix:" + file).maxConnections(1))
                .start(echo());
        Client client = server.connect();
        assertThat(client.exchange("x")).isEqualTo("x");
        assertThat(server.connect().receiveAll()).isEmpty();
        assertThat(client.exchange("y")).isEqualTo("y");
        assertThat(logs.take("connection refused: endpoint=test address=unix:" + file))
                .hasSize(1);
    }

    @Test
    void l11_aProxyIsTrustedAndTellsWhoseConnectionItIs() throws Exception {
        TestServer server = server(
                        x -> {},
                        e -> e.bindTo("unix:" + file).proxyProtocol(ProxyProtocol.requiredFrom("192.0.2.0/24")))
                .start(echo());
        Client client = server.connect();
        assertThat(client.send("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nhello")
                        .receive(5))
                .isEqualTo("hello");
        assertThat(server.ledger
                        .book(new java.net.InetSocketAddress("192.0.2.1", 56324))
                        .socket
                        .isOpen())
                .isTrue();
    }

    // ---- Files that are there ----

    @Test
    void m1_aFileThatAKilledProcessLeftIsReplaced() throws Exception {
        Process killed = serverProcess(List.of(), "1");
        assertThat(killed.inputReader(UTF_8).readLine()).isEqualTo("listening");
        killed.destroyForcibly().waitFor();
        assertThat(exists(file)).isTrue();
        await().until(this::isRefused); // the kernel takes a ring apart when its process is gone already
        TestServer server = at(file).start(echo());
        assertThat(server.connect().exchange("x")).isEqualTo("x");
    }

    private boolean isRefused() throws IOException {
        try (SocketChannel peer = SocketChannel.open(UnixDomainSocketAddress.of(file))) {
            return !peer.isConnected();
        } catch (ConnectException refused) {
            return true;
        }
    }

    @Test
    void m1_theFileOfALiveServerIsLeftAlone() throws Exception {
        TestServer live = at(file).start(echo());
        Client client = live.connect();
        Golden.assertMessage("unix-in-use", refusal(at(file)));
        assertThat(client.exchange("still")).isEqualTo("still");
        assertThat(live.connect().exchange("new")).isEqualTo("new");
    }

    /** Nothing more can be connected to, not even to ask. */
    @Test
    void m1_theFileOfAServerWhoseBacklogIsFullIsLeftAlone() throws Exception {
        try (ServerSocketChannel busy = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            busy.bind(UnixDomainSocketAddress.of(file), 1);
            List<SocketChannel> waiting = new ArrayList<>();
            try {
                for (int i = 0; i < 2; i++) { // one more than the backlog: listen(2)
                    waiting.add(SocketChannel.open(UnixDomainSocketAddress.of(file)));
                }
                assertThat(refusal(at(file)))
                        .contains("a socket is there that cannot be replaced", "remove it if nobody listens");
                assertThat(exists(file)).isTrue();
            } finally {
                for (SocketChannel each : waiting) {
                    each.close();
                }
            }
        }
    }

    private enum Kind {
        FILE,
        FOLDER,
        PIPE,
        LINK_TO_NOTHING,
        LINK_TO_A_SOCKET
    }

    @ParameterizedTest
    @EnumSource
    void m2_whatIsNoSocketIsLeftAlone(Kind kind) throws Exception {
        switch (kind) {
            case FILE -> Files.writeString(file, "precious");
            case FOLDER -> Files.createDirectory(file);
            case PIPE ->
                assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                        .isZero();
            case LINK_TO_NOTHING -> Files.createSymbolicLink(file, folder.resolve("nothing"));
            case LINK_TO_A_SOCKET -> {
                leaveFileBehind();
                Files.move(file, folder.resolve("other"));
                Files.createSymbolicLink(file, folder.resolve("other"));
            }
        }
        Object before = Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS);
        Golden.assertMessage("unix-no-socket", refusal(at(file)));
        assertThat(Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS))
                .isEqualTo(before);
        assertThat(exists(folder.resolve("other"))).isEqualTo(kind == Kind.LINK_TO_A_SOCKET);
    }

    @Test
    void m2_aPathThatIsTooLongIsRefused() throws Exception {
        Path longest = folder.resolve("x".repeat(106 - folder.toString().length() - 1));
        assertThat(at(longest).start(echo()).connect().exchange("x")).isEqualTo("x");
        Path longer = Path.of(longest + "x");
        Golden.assertMessage(
                "unix-too-long", refusal(at(longer)).replace("x".repeat(10), "").replaceAll("/x+", "/LONG"));
    }

    @Test
    void m2_aFolderThatIsMissingIsRefused() throws Exception {
        Golden.assertMessage("unix-no-folder", refusal(at(folder.resolve("run/app.sock"))));
    }

    @Test
    void m2_aFolderThatMayNotBeWrittenToIsRefused() throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeTrue(!Files.isWritable(folder), "skipped: root may write anywhere");
        Golden.assertMessage("unix-not-writable", refusal(at(file)));
    }

    // ---- Who may ----

    @ParameterizedTest
    @ValueSource(strings = {"600", "660", "0666", "000"})
    void m3_theFileHasTheModeThatWasAskedFor(String octal) throws Exception {
        TestServer server =
                server(x -> {}, e -> e.bindTo("unix:" + file).socketMode(octal)).start(echo());
        assertThat((int) Files.getAttribute(file, "unix:mode") & 0777).isEqualTo(Integer.parseInt(octal, 8));
        server.server.stop();
        assertThat(exists(file)).isFalse();
    }

    @Test
    void m3_byDefaultTheUserAloneMayConnect() throws Exception {
        at(file).start(echo());
        assertThat(mode(file)).isEqualTo("rw-------");
    }

    /** Whose umask leaves the file open to all until its mode is set. */
    @Test
    void m3_whoMayNotConnectIsNeverServedHoweverEarly() throws Exception {
        Process intruder = asNobody("""
                import select, socket, sys
                served = 0
                said = False
                while not select.select([sys.stdin], [], [], 0)[0]:
                    peer = socket.socket(socket.AF_UNIX)
                    try:
                        peer.connect(sys.argv[1])
                        peer.send(b'x')
                        served += len(peer.recv(1))
                    except PermissionError:
                        if not said:
                            print('refused', flush=True)
                        said = True
                    except OSError:
                        pass
                    peer.close()
                print('served', served)
                """, file.toString());
        Process server = serverProcess(List.of("sh", "-c", "umask 0; exec \"$@\"", "sh"), "50");
        assertThat(server.inputReader(UTF_8).readLine()).isEqualTo("listening");
        BufferedReader said = intruder.inputReader(UTF_8);
        assertThat(said.readLine()).isEqualTo("refused");
        intruder.getOutputStream().close();
        assertThat(said.readLine()).isEqualTo("served 0");
    }

    // ---- Names and races ----

    @Test
    void m4_openSocketsLiveOnWhenTheFileIsRemovedAndWhatComesInItsPlaceStays() throws Exception {
        TestServer server = at(file).start(echo());
        Client client = server.connect();
        Files.delete(file);
        assertThat(client.exchange("still")).isEqualTo("still");
        TestServer next = at(file).start(echo());
        server.server.stop();
        assertThat(next.connect().exchange("next")).isEqualTo("next");
    }

    @Test
    void m4_ofServersThatStartAtOnceTheOneThatIsFoundServes() throws Exception {
        leaveFileBehind();
        CyclicBarrier atOnce = new CyclicBarrier(8);
        List<CompletableFuture<Boolean>> starts = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            TestServer server = at(file);
            starts.add(async(() -> {
                atOnce.await();
                try {
                    server.start(echo());
                    return true;
                } catch (ServerStartException second) {
                    assertThat(second).hasMessageContaining("address=unix:" + file);
                    return false;
                }
            }));
        }
        assertThat(starts.stream().filter(CompletableFuture::join).count()).isPositive();
        try (Client client = new Client(UnixDomainSocketAddress.of(file))) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
    }

    /** Names that are no path, or none in this character set. */
    @ParameterizedTest
    @ValueSource(strings = {"b'\\0abstract'", "b'\\xff\\xfe'", "b'x' * 107"})
    void m4_aPeerWhoseNameIsStrangeIsServed(String name) throws Exception {
        at(file).start(echo());
        Process peer = python(List.of(), """
                import os, socket, sys
                os.chdir(os.path.dirname(sys.argv[1]))
                peer = socket.socket(socket.AF_UNIX)
                peer.bind(%s)
                peer.connect(sys.argv[1])
                peer.sendall(b'x')
                print(peer.recv(1).decode())
                """.formatted(name), file.toString());
        assertThat(peer.inputReader(UTF_8).readLine()).isEqualTo("x");
    }

    /** A read ends behind a descriptor that was passed, and what is behind it has come already. */
    @Test
    void c12_descriptorsThatArePassedHideNothingBehindThemAndAreClosed() throws Exception {
        CompletableFuture<SocketHandle> accepted = new CompletableFuture<>();
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        CompletableFuture<String> all = new CompletableFuture<>();
        at(file).start(socket -> {
            accepted.complete(socket);
            return bytes -> {
                while (bytes.hasRemaining()) {
                    received.write(bytes.get());
                }
                if (received.size() == 6) {
                    all.complete(received.toString(US_ASCII));
                }
            };
        });
        Process peer = python(List.of(), """
                import array, socket, sys
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(sys.argv[1])
                for text in b'a', b'b', b'c':
                    passed = array.array('i', [peer.fileno()])
                    peer.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
                    peer.sendall(b'-')
                print('sent', flush=True)
                print(peer.recv(1))
                """, file.toString());
        assertThat(peer.inputReader(UTF_8).readLine()).isEqualTo("sent");
        accepted.get().startReading();
        assertThat(all.get(20, TimeUnit.SECONDS)).isEqualTo("a-b-c-");
    }

    // ---- Who it is ----

    @Test
    void m5_thePeerIsKnown() throws Exception {
        TestServer server = at(file).start(echo());
        Client client = server.connect();
        PeerCredentials peer = server.socket(client).peerCredentials().orElseThrow();
        assertThat(peer.user()).isEqualTo(output("id", "-un"));
        assertThat(peer.group()).isEqualTo(output("id", "-gn"));
    }

    @Test
    void m5_anotherUserIsToldApart() throws Exception {
        CompletableFuture<PeerCredentials> known = new CompletableFuture<>();
        SocketServer server = closeLater(RocketServer.create(x -> x.engine(engine())
                .addEndpoint("e", e -> e.bindTo("unix:" + file).socketMode("666"))));
        server.start(socket -> {
            known.complete(socket.peerCredentials().orElseThrow());
            socket.close();
            return bytes -> {};
        });
        Process peer = asNobody("""
                import socket, sys
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(sys.argv[1])
                print(len(peer.recv(1)))
                """, file.toString());
        assertThat(peer.inputReader(UTF_8).readLine()).isEqualTo("0");
        assertThat(known.get().user()).isEqualTo(output("id", "-un", NOBODY));
        assertThat(known.get().group()).isEqualTo(output("id", "-gn", NOBODY));
    }

    @Test
    void m5_aPeerOfTcpIsNot() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        client.exchange("x");
        assertThat(server.socket(client).peerCredentials()).isEmpty();
    }

    // ---- Processes ----

    private static String output(String... command) throws IOException {
        return new String(new ProcessBuilder(command).start().getInputStream().readAllBytes(), UTF_8).strip();
    }

    private Process asNobody(String program, String... arguments) throws IOException {
        assumeTrue(output("id", "-u").equals("0"), "skipped: only root may become another user");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "skipped: no setpriv (apt install util-linux)");
        return python(
                List.of("setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups"), program, arguments);
    }

    private Process python(List<String> wrapper, String program, String... arguments) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/python3")), "skipped: no python3");
        List<String> command = Stream.of(wrapper, List.of("/usr/bin/python3", "-c", program), List.of(arguments))
                .flatMap(List::stream)
                .toList();
        return closedLater(new ProcessBuilder(command).redirectErrorStream(true).start());
    }

    private Process closedLater(Process process) {
        closeLater(() -> {
            process.destroyForcibly().waitFor();
            process.getInputStream().close();
            process.getOutputStream().close();
        });
        return process;
    }

    private Process serverProcess(List<String> wrapper, String starts) throws IOException {
        assumeTrue(
                wrapper.isEmpty()
                        || Stream.of("/bin", "").anyMatch(f -> Files.isExecutable(Path.of(f, wrapper.get(0)))),
                () -> "skipped: no " + wrapper.get(0));
        return closedLater(ServerProcess.start(
                wrapper, List.of(), new String[0], Server.class, engine(), file.toString(), starts));
    }

    /** An echo that starts so many times, and serves until its input ends, or until the first connection to what it adopts has. */
    static final class Server {
        private Server() {}

        public static void main(String[] args) throws Exception {
            if (args[2].equals(ADOPTED)) {
                serveAdopted(args[0]);
                return;
            }
            SocketServer server = RocketServer.create(x ->
                    x.engine(args[0]).eventLoops(1).addEndpoint("default", e -> e.bindTo("unix:" + args[1])));
            server.start(echo());
            for (int i = 1; i < Integer.parseInt(args[2]); i++) {
                server.stop();
                server.start(echo());
            }
            System.out.println("listening");
            System.in.transferTo(OutputStream.nullOutputStream());
            server.stop();
        }

        private static void serveAdopted(String engine) throws InterruptedException {
            CountDownLatch over = new CountDownLatch(1);
            SocketServer server =
                    RocketServer.create(x -> x.engine(engine).eventLoops(1).addEndpoint("default", e -> e.adopt(0)));
            server.start(socket -> {
                socket.startReading();
                return session(socket::write, over::countDown);
            });
            System.out.println("listening " + server.localAddress("default"));
            over.await();
            server.stop();
            System.out.println("stopped");
        }
    }
}
