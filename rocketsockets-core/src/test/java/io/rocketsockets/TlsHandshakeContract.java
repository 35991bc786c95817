package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.proxy.ProxyProtocol;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group K: what a handshake may cost, and what else a peer may do wrong. */
abstract class TlsHandshakeContract extends SecureContract {
    // ---- Bounds ----

    @Test
    void g4_aHandshakeOfOneByteASecondIsCutOff() throws Exception {
        Duration limit = Duration.ofMillis(400);
        TestServer server = secure(tls -> tls.handshakeTimeout(limit), echo());
        long start = System.nanoTime();
        Client crumbs = server.connect().send(new byte[] {22, 3, 1});
        Client silent = server.connect();
        Client halfWay = server.connect();
        halfWay.send(peer(halfWay, TLS13).hello());
        for (Client client : List.of(crumbs, silent, halfWay)) {
            assertThat(client.isReset()).isTrue();
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(limit, limit.plusMillis(500));
        awaitCounted(server, CloseReason.TIMEOUT_HANDSHAKE, 3);
        assertThat(server.ledger.books()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k3_aHandshakeCutAnywhereEndsAndLeavesNothing(String protocol) throws Exception {
        cutHandshakes(protocol, 13);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    @Tag("long")
    @Timeout(300)
    void k3_aHandshakeCutAtEachByteEndsAndLeavesNothing(String protocol) throws Exception {
        cutHandshakes(protocol, 1);
    }

    /** Within the hello and within what follows it; by FIN, by RST, and by silence. */
    private void cutHandshakes(String protocol, int step) throws Exception {
        TestServer server = secure(tls -> tls.handshakeTimeout(Duration.ofSeconds(1)), echo());
        byte[] hello = peer(null, protocol).hello();
        int[] counts = new int[3];
        for (int at = 1; at < hello.length; at += step) {
            cut(server.connect().send(Arrays.copyOf(hello, at)), counts, at % 3);
        }
        int length = Integer.MAX_VALUE;
        for (int at = 1; at < length; at += step) {
            Client wire = server.connect();
            TlsPeer peer = peer(wire, protocol);
            wire.send(peer.hello());
            byte[] flight = peer.flight();
            length = flight.length;
            cut(wire.send(Arrays.copyOf(flight, at)), counts, at % 3);
        }
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, counts[0]);
        awaitCounted(server, CloseReason.PEER_RESET, counts[1]);
        awaitCounted(server, CloseReason.TIMEOUT_HANDSHAKE, counts[2]);
        assertThat(server.server.stats().open()).as("the bystander").isEqualTo(1);
        assertThat(server.ledger.books()).isEmpty();
    }

    private static void cut(Client wire, int[] counts, int how) throws IOException {
        counts[how]++;
        switch (how) {
            case 0 -> wire.endOutput().discardAll();
            case 1 -> wire.reset();
            default -> {} // it is silent from now on
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k4_aHelloInRecordsOfOneByteIsServed(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol);
        wire.send(recut(peer.hello(), 1));
        peer.finishHandshake().send("x");
        assertThat(peer.receive(1)).isEqualTo("x");
    }

    /** In TLS 1.2 the rest of a handshake is in the clear as well. */
    @Test
    void k4_theRestOfAHandshakeMayNotComeInAnyNumberOfRecords() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        wire.send(peer(wire, TLS12).hello());
        byte[] message = new byte[5 + 10_000];
        message[5] = 16; // ClientKeyExchange
        message[6] = 0;
        message[7] = 0x27;
        message[8] = 0x0c;
        CompletableFuture<Client> sending = async(() -> wire.send(recut(message, 1)));
        wire.discardAll();
        wire.close();
        sending.exceptionally(reset -> wire).get(20, TimeUnit.SECONDS);
        awaitCounted(server, CloseReason.TLS_ABUSE, 1);
    }

    @Test
    void k5_aHelloThatPromisesSixteenMegabytesIsRefusedAtOnce() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect().send(new byte[] {22, 3, 1, 64, 0, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff});
        assertThat(alert(wire)).as("decode_error").isEqualTo(50);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    @Test
    void handshakesBeyondTheLimitWaitAndAreServed() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(1), echo());
        Client holding = server.connect();
        TlsPeer peer = peer(holding, TLS13);
        holding.send(peer.hello());
        assertThat(peer.record()).as("its part of the handshake has begun").isNotEmpty();
        CompletableFuture<Client> second = async(() -> connect(server, TLS13));
        CompletableFuture<Client> third = async(() -> connect(server, TLS12));
        await().until(() -> server.server.stats().open() == 4); // and the bystander
        holding.close();
        assertThat(second.get(20, TimeUnit.SECONDS).exchange("second")).isEqualTo("second");
        assertThat(third.get(20, TimeUnit.SECONDS).exchange("third")).isEqualTo("third");
    }

    @Test
    void aHandshakeThatKeepsTheOthersWaitingGivesWay() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(2), echo());
        List<Client> holding = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Client wire = server.connect();
            TlsPeer peer = peer(wire, TLS13);
            wire.send(peer.hello());
            assertThat(peer.record()).isNotEmpty();
            holding.add(wire);
        }
        pass(Duration.ofMillis(1100));
        Client next = connect(server, TLS13);
        assertThat(next.exchange("x")).isEqualTo("x");
        awaitCounted(server, CloseReason.LIMIT_HANDSHAKES, 1);
        holding.get(0).discardAll();
        assertThat(server.ledger.books()).hasSize(1);
    }

    /** Whoever waits does so for a second at most, also when nobody else comes. */
    @Test
    void aHandshakeThatKeepsTheOnlyOtherWaitingGivesWayToo() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(1), echo());
        Client holding = server.connect();
        TlsPeer peer = peer(holding, TLS13);
        holding.send(peer.hello());
        assertThat(peer.record()).isNotEmpty();
        long began = System.nanoTime();
        assertThat(connect(server, TLS13).exchange("x")).isEqualTo("x");
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
        awaitCounted(server, CloseReason.LIMIT_HANDSHAKES, 1);
        holding.discardAll();
    }

    /** Beginnings that hold next to nothing are not counted: however many there are, whoever means it is served. */
    @Test
    void k19_handshakesThatNeverFinishLeaveTheOthersAlone() throws Exception {
        int ofEachKind = 300;
        TestServer server = watched(x -> {}, secured()).start(echo());
        server.canary();
        byte[] hello = peer(null, TLS13).hello();
        List<Long> healthy = new ArrayList<>();
        for (int i = 0; i < ofEachKind; i++) {
            server.connectFrom("127.0.0." + (2 + i % 50));
            server.connectFrom("127.0.0." + (2 + i % 50)).send(Arrays.copyOf(hello, 100));
            server.connectFrom("127.0.0." + (2 + i % 50)).send(hello);
            if (i % 50 == 0) {
                long began = System.nanoTime();
                Client client = connect(server, TLS13);
                assertThat(client.exchange("x")).isEqualTo("x");
                healthy.add(System.nanoTime() - began);
                client.close();
            }
        }
        healthy.sort(null);
        assertThat(Duration.ofNanos(healthy.get(healthy.size() / 2)))
                .as("a new connection, its handshake and an echo")
                .isLessThan(Duration.ofMillis(500));
    }

    /** The canary speaks TLS on the same endpoint. In a process of its own, since one has not the descriptors of both ends. */
    @Test
    @Tag("long")
    @Timeout(300)
    void k19_eighteenThousandHandshakesThatNeverFinishLeaveAHealthyClientAlone() throws Exception {
        try (ServerProcess server = new ServerProcess(
                List.of(),
                List.of("-Dtest.certificate=" + file("own", own)),
                engine(),
                ServerProcess.Behaviour.ECHO_OVER_TLS)) {
            for (int i = 0; i < 500; i++) { // the JVM of the server has to get warm
                try (Client before = new Client(server.address()).secure(trusting, only(TLS13))) {
                    before.exchange("x");
                }
            }
            Canary canary = closeLater(new Canary(
                    server.address(), 1, connected -> connected.secure(trusting, only(TLS13)), Duration.ofMillis(10)));
            byte[] hello = peer(null, TLS13).hello();
            for (int i = 0; i < 6_000; i++) {
                String from = "127.0.0." + (2 + i % 50);
                closeLater(new Client(server.address(), from));
                closeLater(new Client(server.address(), from)).send(Arrays.copyOf(hello, 100));
                closeLater(new Client(server.address(), from)).send(hello);
            }
            try (Client late = new Client(server.address()).secure(trusting, only(TLS13))) {
                assertThat(late.exchange("x")).isEqualTo("x");
            }
            canary.close();
        }
    }

    // ---- What a peer may do wrong, or too often ----

    @Test
    void k22_anEndRightBehindTheHelloIsAnEnd() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        byte[] hello = peer(wire, TLS12).hello();
        wire.send(hello).send(new byte[] {21, 3, 3, 0, 2, 1, 0});
        wire.discardAll();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        Client fatal = server.connect();
        fatal.send(hello).send(new byte[] {21, 3, 3, 0, 2, 2, 40});
        fatal.discardAll();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 2);
    }

    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, 18433",
        "TLSv1.2, 17409",
        "TLSv1.2, 65535",
        "TLSv1.3, 16641",
        "TLSv1.3, 17409",
        "TLSv1.3, 65535"
    })
    void k6_recordsOverTheLimitEndTheConnection(String protocol, int length) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake().send("before");
        assertThat(peer.receive(6)).isEqualTo("before");
        byte[] record = new byte[5 + length];
        record[0] = 23;
        record[1] = 3;
        record[2] = 3;
        record[3] = (byte) (length >> 8);
        record[4] = (byte) length;
        CompletableFuture<Client> sending = async(() -> wire.send(record));
        assertThat(peer.refusal()).contains("fatal alert");
        wire.close();
        sending.exceptionally(reset -> wire).get(20, TimeUnit.SECONDS);
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_PROTOCOL_ERROR);
        assertThat(server.book(wire).received()).asString().isEqualTo("before");
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aForgedRecordEndsTheConnectionAndIsNotDelivered(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        byte[] good = peer.seal("good".getBytes(US_ASCII));
        wire.send(concat(good, forged(peer)));
        assertThat(peer.refusal()).contains("bad_record_mac");
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_PROTOCOL_ERROR);
        assertThat(server.book(wire).received()).asString().isEqualTo("good");
    }

    @Test
    void k7_renegotiationIsRefused() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS12).handshake().send("x");
        assertThat(peer.receive(1)).isEqualTo("x");
        wire.send(peer.renewal());
        assertThat(peer.refusal()).contains("handshake_failure");
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_ABUSE);
    }

    @Test
    void newKeysAreAgreedOnInTheMidstOfAStream() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13).handshake();
        for (int i = 0; i < 100; i++) {
            wire.send(peer.renewal());
            peer.send("message");
            assertThat(peer.receive(7)).isEqualTo("message");
        }
    }

    @Test
    void k8_aFloodOfKeyUpdatesIsAbuse() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13).handshake();
        wire.send(many(100, peer::renewal));
        wire.discardAll();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_ABUSE);
    }

    /** Records of data that hold none, and warnings that a user has cancelled. */
    @ParameterizedTest
    @CsvSource({"23, ''", "21, 015a"})
    void k8_aFloodOfRecordsThatMeanNothingIsAbuse(int type, String content) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        Tls12Writer writer = new Tls12Writer(wire);
        byte[] nothing = HexFormat.of().parseHex(content);
        for (int i = 0; i < 10; i++) { // now and then is no flood
            wire.send(many(20, () -> writer.seal(type, nothing)));
            wire.send(writer.seal(Tls12Writer.DATA, new byte[] {1}));
        }
        Ledger.Book book = server.book(wire);
        book.awaitReceived(10);
        wire.send(many(100, () -> writer.seal(type, nothing)));
        wire.discardAll();
        wire.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TLS_ABUSE);
        assertThat(book.bytesReceived).hasValue(10);
    }

    /** The same warnings in the clear, and ChangeCipherSpec, which TLS 1.3 ignores once. */
    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, 1503030002015a, TLS_ABUSE",
        "TLSv1.3, 1503030002015a, TLS_HANDSHAKE_FAILED",
        "TLSv1.3, 140303000101, TLS_HANDSHAKE_FAILED"
    })
    void k8_aFloodInTheHandshakeEndsIt(String protocol, String record, CloseReason reason) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        byte[] nothing = HexFormat.of().parseHex(record);
        wire.send(peer(wire, protocol).hello());
        assertThat(wire.read()).as("its part of the handshake").isEqualTo(22);
        wire.send(many(1000, () -> nothing));
        wire.discardAll();
        wire.close();
        awaitCounted(server, reason, 1);
    }

    private static byte[] many(int count, Callable<byte[]> record) throws Exception {
        ByteArrayOutputStream records = new ByteArrayOutputStream();
        for (int i = 0; i < count; i++) {
            records.writeBytes(record.call());
        }
        return records.toByteArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k8_aFloodOfChangeCipherSpecEndsTheConnection(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        peer(wire, protocol).handshake();
        wire.send(many(100, () -> new byte[] {20, 3, 3, 0, 1, 1}));
        wire.discardAll();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isIn(CloseReason.TLS_PROTOCOL_ERROR, CloseReason.TLS_ABUSE);
    }

    // ---- What an application may do wrong ----

    private SSLContext choosing(Consumer<Void> chooses) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                new KeyManager[] {
                    new Always(own) {
                        @Override
                        public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
                            chooses.accept(null);
                            return super.chooseEngineServerAlias(type, issuers, engine);
                        }
                    }
                },
                null,
                null);
        return context;
    }

    @Test
    void k20_aTaskThatThrowsEndsItsConnectionOnly() throws Exception {
        SSLContext broken = choosing(nothing -> {
            throw new IllegalStateException("by the test");
        });
        TestServer server = server(x -> {}, e -> e.secureSockets(tls -> tls.context(broken)))
                .start(echo());
        for (int i = 0; i < 3; i++) {
            Client wire = server.connect();
            wire.send(peer(wire, TLS13).hello());
            wire.discardAll();
            wire.close();
        }
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 3);
    }

    @Test
    void theTimeThatTheServerTakesIsNotCountedAgainstThePeer() throws Exception {
        CountDownLatch computed = new CountDownLatch(1);
        SSLContext slow = choosing(nothing -> {
            try {
                computed.await();
            } catch (InterruptedException stop) {
                throw new IllegalStateException(stop);
            }
        });
        TestServer server = server(
                        x -> {}, e -> e.secureSockets(tls -> tls.context(slow).maxHandshakes(1)))
                .start(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13);
        wire.send(peer.hello());
        pass(Duration.ofMillis(1100)); // more than a peer has while others wait
        computed.countDown();
        byte[] flight = peer.flight();
        CompletableFuture<Client> next = async(() -> connect(server, TLS13));
        pass(Duration.ofMillis(300));
        wire.send(flight);
        assertThat(peer.finishHandshake().send("first").receive(5)).isEqualTo("first");
        assertThat(next.get(20, TimeUnit.SECONDS).exchange("next")).isEqualTo("next");
    }

    @Test
    void k20_aTaskThatBlocksHoldsUpNoLoopAndEndsWithTheStop() throws Exception {
        CountDownLatch blocked = new CountDownLatch(1);
        CompletableFuture<Void> interrupted = new CompletableFuture<>();
        SSLContext blocking = choosing(nothing -> {
            blocked.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException stop) {
                pass(Duration.ofMillis(300)); // no thread is left behind for it
                interrupted.complete(null);
            }
        });
        TestServer server = watched(x -> {}, e -> e.secureSockets(tls -> tls.context(blocking)))
                .start(echo());
        server.canary();
        Client wire = server.connect();
        wire.send(peer(wire, TLS13).hello());
        assertThat(blocked.await(20, TimeUnit.SECONDS)).isTrue();
        pass(Duration.ofMillis(300));
        server.close();
        interrupted.get(20, TimeUnit.SECONDS);
    }

    /** Whatever an engine answers, each connection comes to its end, and no loop goes round in circles. */
    @Test
    void k21_everyStatusInAnyOrderLeadsToTheEnd() throws Exception {
        long seed = System.nanoTime();
        SSLContext random = new RandomTls(seed);
        TestServer server = server(
                        x -> {},
                        e -> e.secureSockets(tls -> tls.context(random).handshakeTimeout(Duration.ofSeconds(2))))
                .start(echo());
        byte[] hello = peer(null, TLS13).hello();
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            Client client = server.connect();
            clients.add(client);
            client.send(hello);
        }
        for (Client client : clients) {
            try {
                client.send(new byte[] {23, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 1, 0})
                        .endOutput();
                client.discardAll();
            } catch (SocketException ended) {
                assertThat(ended).hasMessageMatching("(?i).*(reset|broken pipe).*");
            }
            client.close();
        }
        await().untilAsserted(() -> assertThat(server.server.stats().open())
                .as("seed %s: only the bystander is left", seed)
                .isEqualTo(1));
        logs.take("socket failed");
    }

    // ---- Behind a proxy ----

    private static final byte[] PROXY_HEADER = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".getBytes(US_ASCII);

    private TestServer securedBehindProxy(Consumer<ServerConfigurator> options) {
        return server(options, secured().andThen(e -> e.proxyProtocol(ProxyProtocol.requiredFrom("127.0.0.1"))))
                .start(echo());
    }

    @Test
    void l12_aProxyHeaderStandsBeforeTheHandshake() throws Exception {
        TestServer server = securedBehindProxy(x -> {});
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13);
        wire.send(concat(PROXY_HEADER, peer.hello()));
        assertThat(peer.finishHandshake().send("ping").receive(4)).isEqualTo("ping");
        SocketHandle socket = server.ledger.book(new InetSocketAddress("192.0.2.1", 56324)).socket;
        assertThat(socket.proxyHeader()).isPresent();
        assertThat(socket.tls()).isPresent();
    }

    /** Who has too many connections is not waited for, and costs no handshake. */
    @Test
    void b8_theLimitOfAnAddressIsAppliedBeforeTheHandshake() throws Exception {
        TestServer server = securedBehindProxy(x -> x.maxConnectionsPerAddress(1));
        Client wire = server.connect().send(PROXY_HEADER);
        TlsPeer peer = peer(wire, TLS13).handshake();
        Client second = server.connect().send(PROXY_HEADER);
        assertThat(second.isReset()).isTrue();
        awaitCounted(server, CloseReason.LIMIT_ADDRESS, 1);
        assertThat(peer.send("ping").receive(4)).isEqualTo("ping");
        assertThat(server.ledger.books()).hasSize(1);
    }
}
