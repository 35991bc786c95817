package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.ConnectionLimits.Surplus;
import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What those who watch a server are told. */
@WithoutBystander(IT_COUNTS)
abstract class WatchContract extends EngineContract {
    /** Writes down what it hears, with the thread. */
    private static final class Notes implements ServerListener {
        final Queue<String> lines = new ConcurrentLinkedQueue<>();

        private void note(String line) {
            lines.add(line + " [" + Thread.currentThread().getName() + "]");
        }

        @Override
        public void onStarted(SocketServer server) {
            note("started " + server.state());
        }

        @Override
        public void onStopped(SocketServer server) {
            note("stopped with " + server.stats().open() + " open");
        }

        @Override
        public void onOpened(SocketHandle socket) {
            note("opened " + socket.id() + " " + socket.endpoint());
        }

        @Override
        public void onClosed(SocketHandle socket, CloseReason reason, long bytesRead, long bytesWritten) {
            note("closed " + socket.id() + " " + reason + " " + bytesRead + " " + bytesWritten);
        }

        @Override
        public void onRefused(String endpoint, SocketAddress remoteAddress, CloseReason reason) {
            note("refused " + endpoint + " " + remoteAddress + " " + reason);
        }

        @Override
        public void onBackPressureBegins(SocketHandle socket) {
            note("back-pressure " + socket.id());
        }

        @Override
        public void onBackPressureEnds(SocketHandle socket) {
            note("no back-pressure " + socket.id());
        }

        @Override
        public void onMoved(SocketHandle socket, int fromLoop, int toLoop) {
            note("moved " + socket.id() + " " + fromLoop + " to " + toLoop);
        }

        @Override
        public void onStalled(int loop, SocketHandle socket, Duration soFar) {
            note("stalled " + loop + " " + socket.id() + " " + (soFar.toMillis() >= 50));
        }
    }

    private final Notes notes = new Notes();

    private static String loop(int number) {
        return " [rocketsockets-loop-" + number + "]";
    }

    @Test
    void theLifeOfASocketIsToldInOrderOnItsLoop() throws Exception {
        TestServer server = server(x -> x.eventLoops(2).listener(notes)).start(echo());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        String id = book.socket.id();
        assertThat(client.exchange("abc")).isEqualTo("abc");
        book.socket.moveTo(1);
        await().until(() -> server.server.stats().loops().get(1).movesIn() == 1);
        assertThat(client.exchange("de")).isEqualTo("de");
        client.close();
        book.awaitClosed();
        server.server.stop();
        String here = " [" + Thread.currentThread().getName() + "]";
        assertThat(notes.lines)
                .containsExactly(
                        "started RUNNING" + here,
                        "opened " + id + " test" + loop(0),
                        "moved " + id + " 0 to 1" + loop(1),
                        "closed " + id + " PEER_CLOSED 5 5" + loop(1),
                        "stopped with 0 open" + here);
    }

    @Test
    void aSocketIsOpenedBeforeItsSessionAndClosedAfterIt() throws Exception {
        TestServer server = server(x -> x.listener(notes)).start(socket -> {
            notes.note("session");
            socket.startReading();
            return session(bytes -> {}, () -> notes.note("close action"));
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        client.close();
        book.awaitClosed();
        server.server.stop();
        assertThat(notes.lines)
                .extracting(line -> line.split(" ")[0])
                .containsExactly("started", "opened", "session", "close", "closed", "stopped");
    }

    @Test
    void backPressureIsToldWhenItBeginsAndWhenItEnds() throws Exception {
        TestServer server = server(x -> x.listener(notes)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        String id = book.socket.id();
        write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        assertThat(notes.lines)
                .contains("back-pressure " + id + loop(0))
                .doesNotContain("no back-pressure " + id + loop(0));
        client.receiveBytes(MORE_THAN_THE_KERNEL_TAKES);
        await().until(() -> notes.lines.contains("no back-pressure " + id + loop(0)));
    }

    @Test
    void backPressureEndsWithTheSocket() throws Exception {
        TestServer server = server(x -> x.listener(notes)).start(idle());
        Ledger.Book book = server.book(server.connect());
        write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        book.socket.abort();
        book.awaitClosed();
        server.server.stop();
        assertThat(notes.lines)
                .extracting(line -> line.split(" ")[0])
                .containsExactly("started", "opened", "back-pressure", "no", "closed", "stopped");
    }

    @NotOverTls("who is refused does not come to a handshake")
    @Test
    void b13_whoIsRefusedIsTold() throws Exception {
        TestServer server = server(x -> x.listener(notes).maxConnections(1).surplusConnections(Surplus.REFUSE))
                .start(idle());
        server.book(server.connect());
        // Bound first: it may be reset before its connect has returned.
        Client surplus =
                server.address() instanceof InetSocketAddress ? server.connectFrom("127.0.0.1") : server.connect();
        await().until(() -> notes.lines.contains("refused test " + surplus.address() + " LIMIT_CONNECTIONS" + loop(0)));
        await().until(() -> logs.take("connection refused").size() == 1);
    }

    @Test
    void f8_aLoopThatIsHeldUpIsTold() throws Exception {
        CompletableFuture<Void> release = new CompletableFuture<>();
        TestServer server = server(x -> x.stallLimit(Duration.ofMillis(50)).listener(notes))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> release.join();
                });
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        client.send("x");
        await().until(() -> notes.lines.contains("stalled 0 " + socket.id() + " true [rocketsockets-watchdog]"));
        release.complete(null);
    }

    @Test
    void i2_aListenerThatThrowsHarmsNobodyAndDoesNotFloodTheLog() throws Exception {
        ServerListener broken = new ServerListener() {
            @Override
            public void onStarted(SocketServer server) {
                throw new IllegalStateException("no wish to hear of it");
            }

            @Override
            public void onOpened(SocketHandle socket) {
                throw new AssertionError("nor of that");
            }

            @Override
            public void onClosed(SocketHandle socket, CloseReason reason, long bytesRead, long bytesWritten) {
                throw new AssertionError("nor of that");
            }
        };
        TestServer server = server(x -> x.listener(broken).listener(notes)).start(echo());
        for (int i = 0; i < 100; i++) {
            Client client = server.connect();
            assertThat(client.exchange("x")).isEqualTo("x");
            client.close();
        }
        await().until(() -> server.server.stats().open() == 0);
        server.server.stop();
        assertThat(notes.lines).hasSize(202);
        assertThat(logs.take("listener threw: " + broken.getClass().getName()))
                .hasSizeBetween(10, 40)
                .anySatisfy(line -> assertThat(line).contains("no wish to hear of it"));
    }

    /** What a listener asks of a socket is done as if its session had asked. */
    @Test
    void aListenerMayCloseASocket() throws Exception {
        ServerListener bouncer = new ServerListener() {
            @Override
            public void onOpened(SocketHandle socket) {
                socket.write(bytes("go away"));
                socket.startReading();
                socket.close();
            }
        };
        TestServer server = server(x -> x.listener(bouncer)).start(idle());
        assertThat(server.connect().receiveAll()).isEqualTo("go away");
    }

    // ---- The wire tap ----

    /** Remembers all bytes of each way. */
    private static final class Recorder implements WireTap {
        final Map<Direction, ByteArrayOutputStream> bytes = new ConcurrentHashMap<>();

        @Override
        public void onBytes(SocketHandle socket, Direction direction, Instant time, ByteBuffer piece) {
            assertThat(time).isBetween(Instant.now().minusSeconds(20), Instant.now());
            bytes.computeIfAbsent(direction, way -> new ByteArrayOutputStream()).writeBytes(piece.array());
        }

        byte[] seen(Direction direction) {
            return bytes.getOrDefault(direction, new ByteArrayOutputStream()).toByteArray();
        }
    }

    @Test
    void aTapSeesWhatGoesInAndOutFromWhenItIsPutOnToWhenItIsTakenOff() throws Exception {
        TestServer server = serve(2, socket -> {
            socket.startReading();
            return bytes -> {
                socket.write(bytes("you said "));
                socket.write(bytes);
            };
        });
        Client client = server.connect();
        Client other = server.connect();
        SocketHandle socket = server.socket(client);
        client.send("before").receive(15);
        Recorder tap = new Recorder();
        socket.tap(tap);
        server.book(client).awaitTurns();
        client.send("one").receive(12);
        other.send("not this").receive(17);
        client.send("two").receive(12);
        socket.tap(null);
        server.book(client).awaitTurns();
        client.send("after").receive(14);
        assertThat(tap.seen(WireTap.Direction.IN)).asString().isEqualTo("onetwo");
        assertThat(tap.seen(WireTap.Direction.OUT)).asString().isEqualTo("you said oneyou said two");
    }

    @Test
    void aTapSeesEveryByteThatASlowPeerTakesWhereverTheSocketIs() throws Exception {
        byte[] sent = random(7, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serve(2, idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        Recorder tap = new Recorder();
        book.socket.tap(tap);
        write(book.socket, ByteBuffer.wrap(sent));
        book.awaitBlocked();
        assertThat(tap.seen(WireTap.Direction.OUT).length).isLessThan(sent.length);
        book.socket.moveTo(1);
        assertThat(client.receiveBytes(sent.length)).isEqualTo(sent);
        await().untilAsserted(() -> assertThat(tap.seen(WireTap.Direction.OUT)).isEqualTo(sent));
    }

    @Test
    void aTapThatThrowsIsTakenOff() throws Exception {
        AtomicInteger shown = new AtomicInteger();
        TestServer server = serve(echo());
        Client client = server.connect();
        server.socket(client).tap((socket, direction, time, bytes) -> {
            shown.incrementAndGet();
            throw new IllegalStateException("cannot look");
        });
        for (int i = 0; i < 3; i++) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        assertThat(shown).hasValue(1);
        assertThat(logs.take("wire tap threw and is taken off"))
                .singleElement()
                .asString()
                .contains("cannot look");
    }

    @Test
    void q4_contentIsLoggedOnlyWhereATapAsksForIt() throws Exception {
        logs.alsoDebug();
        TestServer server = serve(echo());
        Client client = server.connect();
        String id = server.socket(client).id();
        assertThat(client.exchange("secret")).isEqualTo("secret");
        assertThat(logs.take("secret")).isEmpty();
        server.socket(client).tap(WireTap.hexDump());
        assertThat(client.exchange("secret")).isEqualTo("secret");
        await().until(
                        () -> logs.take("socket=" + id + " out bytes=6\n00000000   73 65 63 72 65 74"),
                        lines -> lines.size() == 1);
        assertThat(logs.take("|secret|")).singleElement().asString().contains("INFO", "socket=" + id + " in bytes=6");
    }

    @Test
    void listenersAreToldInTheirOrder() throws Exception {
        Queue<String> order = new ConcurrentLinkedQueue<>();
        List<ServerListener> listeners = List.of(named("first", order), named("second", order));
        TestServer server = server(x -> listeners.forEach(x::listener)).start(idle());
        server.server.stop();
        assertThat(order).containsExactly("first", "second");
    }

    private static ServerListener named(String name, Queue<String> order) {
        return new ServerListener() {
            @Override
            public void onStarted(SocketServer server) {
                order.add(name);
            }
        };
    }
}
