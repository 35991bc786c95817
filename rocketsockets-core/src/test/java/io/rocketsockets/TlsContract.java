package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.tls.TlsConfigurator;
import io.rocketsockets.tls.TlsSession;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group K: connections that speak TLS. */
abstract class TlsContract extends SecureContract {
    // ---- What every program wants ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void anEchoIsServed(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client client = connect(server, protocol);
        for (int i = 0; i < 100; i++) {
            assertThat(client.exchange("message " + i)).isEqualTo("message " + i);
        }
        TlsSession session = server.socket(client).tls().orElseThrow();
        assertThat(session.protocol()).isEqualTo(protocol);
        assertThat(session.cipherSuite()).isEqualTo(client.session().getCipherSuite());
        assertThat(session.serverName()).isEmpty();
        assertThat(session.applicationProtocol()).isEmpty();
        assertThat(session.peerCertificates()).isEmpty();
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(server.socket(client).tls()).as("after the end").contains(session);
    }

    @Test
    void k15_aTicketTravelsWithTheAnswerToWhatCameWithTheHandshake() throws Exception {
        TestServer server = secure(socket -> {
            socket.startReading();
            return bytes -> {
                pass(Duration.ofMillis(100)); // for what is sent before it to be received
                socket.write(bytes);
            };
        });
        Client wire = server.connect();
        sendWithTheHandshake(peer(wire, TLS13), wire, "x");
        ByteBuffer received = ByteBuffer.allocate(64 * 1024);
        received.limit(wire.socket.getInputStream().read(received.array()));
        int records = 0;
        for (int at = 0; at < received.limit(); at += 5 + received.getShort(at + 3)) {
            records++;
        }
        assertThat(records).isEqualTo(2);
    }

    @Test
    void k15_aTicketComesWithoutAnAnswerToo() throws Exception {
        for (TestServer server : List.of(secure(discard()), secure(idle()))) {
            Client wire = server.connect();
            TlsPeer peer = peer(wire, TLS13);
            sendWithTheHandshake(peer, wire, "x");
            assertThat(peer.record()).isNotEmpty();
        }
    }

    private static void sendWithTheHandshake(TlsPeer peer, Client wire, String text) throws IOException {
        wire.send(peer.hello());
        byte[] flight = peer.flight();
        while (peer.engine.getHandshakeStatus() != HandshakeStatus.NOT_HANDSHAKING) {
            wire.send(flight);
            flight = peer.flight();
        }
        wire.send(concat(flight, peer.seal(text.getBytes(US_ASCII))));
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aServerMaySpeakFirst(String protocol) throws Exception {
        TestServer server = secure(socket -> {
            socket.write(bytes("hello"));
            socket.close();
            return bytes -> {};
        });
        assertThat(connect(server, protocol).receiveAll()).isEqualTo("hello");
    }

    @Test
    void aPlainSocketHasNoTls() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        client.exchange("x");
        assertThat(server.socket(client).tls()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-tls1_2", "-tls1_3"})
    void opensslIsServed(String option) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/openssl")), "skipped: no openssl");
        TestServer server = secure(echo());
        Path trusted = Files.writeString(folder.resolve("ca.pem"), authority.chainPem());
        Process process = new ProcessBuilder(
                        "openssl",
                        "s_client",
                        option,
                        "-quiet",
                        "-no_ign_eof",
                        "-verify_return_error",
                        "-CAfile",
                        trusted.toString(),
                        "-servername",
                        "server.test",
                        "-connect",
                        "127.0.0.1:" + ((InetSocketAddress) server.address()).getPort())
                .redirectError(folder.resolve("openssl.log").toFile())
                .start();
        closeLater(process::destroyForcibly);
        process.getOutputStream().write("ping\n".getBytes(US_ASCII));
        process.getOutputStream().flush();
        assertThat(new String(process.getInputStream().readNBytes(5), US_ASCII))
                .as(() -> log("openssl.log"))
                .isEqualTo("ping\n");
        Ledger.Book book = server.ledger.books().iterator().next();
        assertThat(book.socket.tls().orElseThrow().serverName()).isEqualTo("server.test");
        process.getOutputStream().close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }

    private String log(String name) {
        try {
            return Files.readString(folder.resolve(name), StandardCharsets.ISO_8859_1);
        } catch (IOException failure) {
            return failure.toString();
        }
    }

    // ---- Streams ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k18_aStreamIsWholeBothWays(String protocol) throws Exception {
        streamBothWays(protocol, 8_000_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    @Tag("long")
    @Timeout(300)
    void k18_aGigabyteIsWholeBothWays(String protocol) throws Exception {
        streamBothWays(protocol, 1 << 30);
    }

    /** Writes of any size, and an echo that stops reading now and then until its answer has gone. */
    private void streamBothWays(String protocol, int size) throws Exception {
        AtomicInteger deliveries = new AtomicInteger();
        TestServer server = secure(socket -> {
            socket.startReading();
            return bytes -> {
                if (deliveries.incrementAndGet() % 20 == 0) {
                    socket.stopReading();
                    socket.write(bytes, socket::startReading, failure -> {});
                } else {
                    socket.write(bytes);
                }
            };
        });
        Client client = connect(server, protocol);
        CompletableFuture<Long> sending = async(() -> {
            Random random = new Random(18);
            CRC32C sum = new CRC32C();
            for (int left = size; left > 0; ) {
                byte[] piece = new byte[Math.min(left, 1 + random.nextInt(1 << random.nextInt(18)))];
                random.nextBytes(piece);
                sum.update(piece);
                client.send(piece);
                left -= piece.length;
            }
            return sum.getValue();
        });
        CRC32C echoed = new CRC32C();
        for (int left = size; left > 0; ) {
            byte[] piece = client.receiveBytes(Math.min(left, 1 << 20));
            echoed.update(piece);
            left -= piece.length;
        }
        assertThat(sending.get(20, TimeUnit.SECONDS)).isEqualTo(echoed.getValue());
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aPeerThatDoesNotReadIsNotReadEither(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client client = connect(server, protocol);
        byte[] sent = random(5, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Client> sending = async(() -> client.send(sent));
        Ledger.Book book = server.book(client);
        book.awaitBlocked();
        assertThat(book.socket.unsentBytes()).isLessThan(1024 * 1024);
        assertThat(sending).isNotDone();
        assertThat(Arrays.mismatch(client.receiveBytes(sent.length), sent)).isEqualTo(-1);
        sending.get(20, TimeUnit.SECONDS);
        await().until(() -> book.socket.unsentBytes() == 0);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aWriteIsCompleteWhenTheKernelHasItsRecords(String protocol) throws Exception {
        TestServer server = secure(idle());
        Client client = connect(server, protocol);
        SocketHandle socket = server.socket(client);
        byte[] large = random(3, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Void> first = write(socket, bytes("small"));
        CompletableFuture<Void> second = write(socket, ByteBuffer.wrap(large));
        first.get(20, TimeUnit.SECONDS);
        server.book(client).awaitBlocked();
        assertThat(second).isNotDone();
        assertThat(client.receive(5)).isEqualTo("small");
        assertThat(Arrays.mismatch(client.receiveBytes(large.length), large)).isEqualTo(-1);
        second.get(20, TimeUnit.SECONDS);
        assertThat(socket.unsentBytes()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void whatIsNotAskedForWaits(String protocol) throws Exception {
        TestServer server = secure(idle());
        Client client = connect(server, protocol);
        client.send("first").send("second");
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(book.received()).isEmpty();
        book.socket.startReading();
        book.awaitReceived(11);
        assertThat(book.received()).asString().isEqualTo("firstsecond");
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aRecordInCrumbsIsWhole(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        for (byte crumb : peer.seal("crumbs".getBytes(US_ASCII))) {
            wire.send(new byte[] {crumb});
            server.book(wire).awaitTurns();
        }
        assertThat(peer.receive(6)).isEqualTo("crumbs");
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void manyRecordsInOneSegmentAreDeliveredAtOnce(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        byte[] all = {};
        for (int i = 0; i < 100; i++) {
            all = concat(all, peer.seal(new byte[] {(byte) ('a' + i % 26)}));
        }
        wire.send(all);
        assertThat(peer.receive(100)).startsWith("abcdefghijklmnopqrstuvwxyzab");
        assertThat(server.book(wire).deliveries).hasValue(1);
    }

    // ---- Deliveries: a record may be larger than what a server reads at once ----

    private static final int LARGE = 16_000;

    private static byte[] largeRecords(TlsPeer peer, byte[] data) throws IOException {
        ByteArrayOutputStream records = new ByteArrayOutputStream();
        for (int at = 0; at < data.length; at += LARGE) {
            records.writeBytes(peer.seal(Arrays.copyOfRange(data, at, Math.min(at + LARGE, data.length))));
        }
        return records.toByteArray();
    }

    /** All in one segment, as far as the kernel has it so: the end too. */
    @ParameterizedTest
    @CsvSource({"TLSv1.2, true", "TLSv1.2, false", "TLSv1.3, true", "TLSv1.3, false"})
    void noDeliveryIsLargerThanTheReadBufferAndTheEndComesLast(String protocol, boolean isSaid) throws Exception {
        Queue<Integer> sizes = new ConcurrentLinkedQueue<>();
        TestServer server = server(x -> x.readBufferSize(2048), secured()).start(socket -> {
            socket.startReading();
            return bytes -> sizes.add(bytes.remaining());
        });
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        byte[] sent = random(2, 50_000);
        byte[] records = largeRecords(peer, sent);
        wire.send(isSaid ? concat(records, peer.end()) : records).endOutput();
        Ledger.Book book = server.book(wire);
        assertThat(book.awaitClosed()).isEqualTo(isSaid ? CloseReason.PEER_CLOSED : CloseReason.PEER_TRUNCATED);
        assertThat(Arrays.mismatch(book.received(), sent)).isEqualTo(-1);
        assertThat(sizes)
                .allSatisfy(size -> assertThat(size).isBetween(1, 2048))
                .contains(2048);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void eachReadIsOneDeliveryOfALargeRecord(String protocol) throws Exception {
        TestServer server = server(x -> x.readBufferSize(2048), secured()).start(idle());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        byte[] sent = random(4, LARGE);
        wire.send(peer.seal(sent));
        Ledger.Book book = server.book(wire);
        for (int i = 1; i <= 3; i++) {
            book.socket.read();
            book.awaitDeliveries(i);
            book.awaitTurns();
            assertThat(book.deliveries).hasValue(i);
            assertThat(book.bytesReceived).hasValue(2048L * i);
        }
        book.socket.startReading();
        book.awaitReceived(sent.length);
        assertThat(Arrays.mismatch(book.received(), sent)).isEqualTo(-1);
    }

    /** What another connection has sent meanwhile comes before the rest of the record. */
    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aLargeRecordLeavesOthersTheirTurn(String protocol) throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Queue<Integer> sizes = new ConcurrentLinkedQueue<>();
        TestServer server = server(x -> x.readBufferSize(1024).stallLimit(Duration.ZERO), secured())
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        sizes.add(bytes.remaining());
                        begun.countDown();
                        unchecked(() -> goOn.await(20, TimeUnit.SECONDS));
                    };
                });
        Client wire = server.connect();
        TlsPeer loud = peer(wire, protocol).handshake();
        Client other = connect(server, protocol);
        wire.send(loud.seal(new byte[LARGE]));
        assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
        other.send("x");
        goOn.countDown();
        server.book(wire).awaitReceived(LARGE);
        server.book(other).awaitReceived(1);
        assertThat(List.copyOf(sizes).indexOf(1)).isBetween(1, 3);
    }

    // ---- Loops ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aConnectionMovesWithWhatItHolds(String protocol) throws Exception {
        TestServer server = server(x -> x.eventLoops(2).readBufferSize(4096), secured())
                .start(socket -> {
                    AtomicInteger deliveries = new AtomicInteger();
                    socket.startReading();
                    return bytes -> {
                        socket.write(bytes);
                        socket.moveTo(deliveries.incrementAndGet() % 2);
                    };
                });
        byte[] payload = random(7, 2_000_000);
        Client client = connect(server, protocol);
        CompletableFuture<Client> sending = async(() -> client.send(payload));
        assertThat(Arrays.mismatch(client.receiveBytes(payload.length), payload))
                .isEqualTo(-1);
        sending.get(20, TimeUnit.SECONDS);
        assertThat(server.server.stats().loops())
                .allSatisfy(loop -> assertThat(loop.movesIn()).isPositive());
    }

    /** What a callback was given stays as it was, although the loop goes on without it. */
    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aCallbackThatHangsHoldsUpNoNeighbourAndKeepsItsBytes(String protocol) throws Exception {
        assumeFalse(isBoundToItsThread(), "skipped: no other thread can go on with a loop of this engine");
        CountDownLatch hangs = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        TestServer server = secure(socket -> {
            socket.startReading();
            return bytes -> {
                if (bytes.get(bytes.position()) == 'h') {
                    hangs.countDown();
                    unchecked(() -> goOn.await(20, TimeUnit.SECONDS));
                }
                socket.write(bytes);
            };
        });
        Client hanging = connect(server, protocol);
        Client neighbour = connect(server, protocol);
        Client wire = server.connect();
        TlsPeer forger = peer(wire, protocol).handshake();
        hanging.send("hangs");
        assertThat(hangs.await(20, TimeUnit.SECONDS)).isTrue();
        for (int i = 0; i < 100; i++) {
            assertThat(neighbour.exchange("goes on " + i)).isEqualTo("goes on " + i);
        }
        hanging.send(", and more");
        assertThat(forger.send("x").receive(1)).isEqualTo("x");
        goOn.countDown();
        assertThat(hanging.receive(15)).isEqualTo("hangs, and more");
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void callbacksMayBlockElsewhere(String protocol) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(2);
        TestServer server = server(x -> x.blockingHandlers(executor), secured()).start(echo());
        closeLater(executor::shutdownNow);
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake().send("first");
        assertThat(peer.receive(5)).isEqualTo("first");
        peer.send("last").closeNotify();
        assertThat(peer.receive(4)).isEqualTo("last");
        assertThat(peer.endsCleanly()).isTrue();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    // ---- Ends ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k9_anEndWithCloseNotifyIsCleanOnBothSides(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        peer.send("last words").closeNotify();
        assertThat(peer.receive(10)).isEqualTo("last words");
        assertThat(peer.endsCleanly()).isTrue();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k9_anEndWithoutCloseNotifyIsATruncation(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        peer.send("last words");
        wire.endOutput();
        assertThat(peer.receive(10)).isEqualTo("last words");
        assertThat(peer.endsCleanly()).isTrue();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.PEER_TRUNCATED);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k9_ourEndIsSaid(String protocol) throws Exception {
        TestServer server = secure(socket -> {
            socket.startReading();
            return bytes -> {
                socket.write(bytes("bye"));
                socket.close();
            };
        });
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake().send("x");
        assertThat(peer.receive(3)).isEqualTo("bye");
        assertThat(peer.endsCleanly()).isTrue();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.CLOSED);
    }

    /**
     * The records that hold it were sealed by then and go their way, which is not counted again; nor is that, in the turn in
     * which the peer breaks the rules, something more was written.
     */
    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void whatIsQueuedForAPeerThatBreaksTheRulesIsDroppedOnce(String protocol) throws Exception {
        CountDownLatch holds = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        // It is read however much is queued, and nobody relieves the loop.
        TestServer server = server(x -> x.writeWaterMarks(0, 1 << 20).stallLimit(Duration.ZERO), secured())
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        holds.countDown();
                        unchecked(() -> goOn.await(20, TimeUnit.SECONDS));
                    };
                });
        Client holder = connect(server, protocol);
        Client wire = server.connect();
        wire.socket.setReceiveBufferSize(64 * 1024); // which grows no more
        TlsPeer peer = peer(wire, protocol).handshake();
        Ledger.Book book = server.book(wire);
        CompletableFuture<Void> pending;
        do { // the last is sealed, and the kernel does not take it
            pending = write(book.socket, ByteBuffer.allocate(60_000));
            book.awaitTurns();
            if (!pending.isDone()) {
                pass(Duration.ofMillis(30));
            }
        } while (pending.isDone());
        holder.send("x");
        assertThat(holds.await(20, TimeUnit.SECONDS)).isTrue();
        wire.send(forged(peer));
        CompletableFuture<Void> late = write(book.socket, bytes("late"));
        long written = server.server.stats().bytesWritten();
        goOn.countDown();
        await().until(() -> !book.socket.isOpen());
        CompletableFuture<Long> reading = async(wire::discardAll);
        do {
            assertThat(book.<Long>onLoop(book.socket::unsentBytes)).isZero();
            assertThat(server.server.stats().bytesWritten()).isGreaterThanOrEqualTo(written);
        } while (!book.closed.isDone());
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TLS_PROTOCOL_ERROR);
        assertThat(List.of(pending, late)).allSatisfy(write -> assertThat(write).isCompletedExceptionally());
        assertThat(reading.get(20, TimeUnit.SECONDS)).isPositive();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aResetIsAReset(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        peer(wire, protocol).handshake().send("x").receive(1);
        wire.reset();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
    }

    /** TLS 1.3 closes each direction by itself. */
    @Test
    void k10_halfCloseLeavesTheOtherDirectionOpenInTls13() throws Exception {
        CompletableFuture<Void> answered = new CompletableFuture<>();
        TestServer server = server(x -> {}, secured().andThen(EndpointConfigurator::halfClose))
                .start(answerAtTheEnd(answered));
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13).handshake().send("question").closeNotify();
        assertThat(peer.receive(11)).isEqualTo("answer to 8");
        answered.get(20, TimeUnit.SECONDS);
        assertThat(peer.endsCleanly()).isTrue();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.CLOSED);
    }

    /** In TLS 1.2 whoever hears the end has to end at once (RFC 5246, 7.2.1): what is written then fails. */
    @Test
    void k10_theEndOfThePeerIsOursTooInTls12() throws Exception {
        CompletableFuture<Void> answered = new CompletableFuture<>();
        TestServer server = server(x -> {}, secured().andThen(EndpointConfigurator::halfClose))
                .start(answerAtTheEnd(answered));
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS12).handshake().send("question").closeNotify();
        assertThat(peer.endsCleanly()).isTrue();
        wire.close();
        server.book(wire).awaitClosed();
        assertThat(answered).isCompletedExceptionally();
        assertThat(server.book(wire).received()).asString().isEqualTo("question");
    }

    private static SocketSessionFactory answerAtTheEnd(CompletableFuture<Void> answered) {
        return socket -> {
            socket.startReading();
            return new SocketSession() {
                private int count;

                @Override
                public void onBytes(ByteBuffer bytes) {
                    count += bytes.remaining();
                }

                @Override
                public void onInputEnd() {
                    socket.write(
                            bytes("answer to " + count),
                            () -> answered.complete(null),
                            answered::completeExceptionally);
                    socket.close();
                }
            };
        };
    }

    // ---- Peers that speak something else ----

    @ParameterizedTest
    @ValueSource(strings = {"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n", "\200\56\1\0\2\0\25\0\0\0\20", "\0\0\0\0"})
    void k1_aPeerThatSpeaksNoTlsIsClosed(String text) throws Exception {
        TestServer server = secure(echo());
        Client client = server.connect();
        long began = System.nanoTime();
        assertThat(client.send(text.getBytes(StandardCharsets.ISO_8859_1)).receiveAllBytes())
                .isEmpty();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(1));
        client.close();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        assertThat(server.ledger.books()).isEmpty();
    }

    @Test
    void k1_aMegabyteOfNoiseIsNeverEchoed() throws Exception {
        TestServer server = secure(echo());
        Client client = server.connect();
        CompletableFuture<Client> sending = async(() -> client.send(random(1, 1_000_000)));
        assertThat(client.receiveAllBytes()).isEmpty();
        client.close();
        sending.exceptionally(reset -> client).get(20, TimeUnit.SECONDS);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        assertThat(server.ledger.books()).isEmpty();
    }

    @Test
    void k2_tlsOnAPlainPortIsBytes() throws Exception {
        TestServer server = serve(echo());
        Client wire = server.connect();
        byte[] hello = peer(wire, TLS13).hello();
        wire.send(hello);
        assertThat(wire.receiveBytes(hello.length)).isEqualTo(hello);
    }

    @Test
    void aProbeThatSaysNothingIsAPeerThatClosed() throws Exception {
        TestServer server = secure(echo());
        assertThat(server.connect().endOutput().receiveAllBytes()).isEmpty();
        awaitCounted(server, CloseReason.PEER_CLOSED, 1);
        assertThat(server.ledger.books()).isEmpty();
    }

    // ---- From plaintext to TLS ----

    /** Lines in plaintext until one is STARTTLS; then an echo. */
    private static SocketSessionFactory startTlsWhenAsked() {
        return socket -> {
            socket.startReading();
            Frames lines = Frames.lines(socket, 100, line -> {
                String command = text(line);
                if (command.equals("STARTTLS")) {
                    socket.write(bytes("go ahead\n"));
                    socket.startTls();
                    socket.write(bytes("welcome\n"));
                } else {
                    socket.write(bytes("heard " + command + "\n"));
                }
            });
            return bytes -> {
                if (socket.tls().isPresent()) {
                    socket.write(bytes);
                } else {
                    lines.onBytes(bytes);
                }
            };
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aConnectionGoesOnWithTlsWhenItIsAskedTo(String protocol) throws Exception {
        TestServer server = secure(TlsConfigurator::onDemand, startTlsWhenAsked());
        Client plain = server.connect();
        plain.send("hello\n");
        assertThat(plain.receive(12)).isEqualTo("heard hello\n");
        assertThat(server.socket(plain).tls()).isEmpty();
        plain.send("STARTTLS\n");
        assertThat(plain.receive(9)).isEqualTo("go ahead\n");
        Client secure = plain.secure(trusting, only(protocol));
        assertThat(secure.receive(8))
                .as("what was written before the handshake")
                .isEqualTo("welcome\n");
        assertThat(secure.exchange("ping")).isEqualTo("ping");
        assertThat(server.socket(plain).tls().orElseThrow().protocol()).isEqualTo(protocol);
        secure.close();
        assertThat(server.book(plain).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @Test
    void k17_whatIsPipelinedBehindTheRequestForTlsIsDropped() throws Exception {
        TestServer server = secure(TlsConfigurator::onDemand, startTlsWhenAsked());
        Client plain = server.connect().send("STARTTLS\nEVIL\n");
        assertThat(plain.receive(9)).isEqualTo("go ahead\n");
        Client secure = plain.secure(trusting, only(TLS13));
        assertThat(secure.receive(8)).isEqualTo("welcome\n");
        assertThat(secure.exchange("ping")).isEqualTo("ping");
    }

    @Test
    void k17_whatIsPipelinedIsDroppedWhereCallbacksMayBlockToo() throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(2);
        TestServer server = server(x -> x.blockingHandlers(executor), secured(TlsConfigurator::onDemand))
                .start(startTlsWhenAsked());
        closeLater(executor::shutdownNow);
        Client plain = server.connect().send("STARTTLS\nEVIL\n");
        assertThat(plain.receive(9)).isEqualTo("go ahead\n");
        Client secure = plain.secure(trusting, only(TLS13));
        assertThat(secure.receive(8)).isEqualTo("welcome\n");
        assertThat(secure.exchange("ping")).isEqualTo("ping");
    }

    @Test
    void k17_plaintextThatFollowsTheRequestForTlsEndsTheConnection() throws Exception {
        TestServer server = secure(TlsConfigurator::onDemand, startTlsWhenAsked());
        Client plain = server.connect().send("STARTTLS\n");
        assertThat(plain.receive(9)).isEqualTo("go ahead\n");
        plain.send("EVIL\n");
        assertThat(plain.receiveAll()).isEmpty();
        plain.close();
        assertThat(server.book(plain).awaitClosed()).isEqualTo(CloseReason.TLS_HANDSHAKE_FAILED);
    }

    /** More than the kernel takes has to go first. */
    @Test
    void plaintextThatWaitsForItsPeerIsSentBeforeTlsBegins() throws Exception {
        byte[] before = random(17, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = server(x -> x.writeQueueLimit(2 * before.length), secured(TlsConfigurator::onDemand))
                .start(socket -> {
                    socket.write(ByteBuffer.wrap(before));
                    socket.startTls();
                    socket.write(bytes("secret"));
                    return bytes -> {};
                });
        Client plain = server.connect();
        server.book(plain).awaitBlocked();
        assertThat(Arrays.mismatch(plain.receiveBytes(before.length), before)).isEqualTo(-1);
        assertThat(plain.secure(trusting, only(TLS13)).receive(6)).isEqualTo("secret");
    }

    @Test
    void tlsCannotBeginWhereItIsNotConfigured() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        assertThatThrownBy(server.socket(client)::startTls)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("configure its endpoint with secureSockets(tls -> tls.onDemand())");
    }

    // ---- Where certificates come from ----

    @ParameterizedTest
    @ValueSource(strings = {"PEM", "PKCS12", "JKS"})
    void oneFileSecuresEveryEndpointThatAsksForIt(String form) throws Exception {
        Path file = folder.resolve("own");
        if (form.equals("PEM")) {
            own.write(file);
        } else {
            own.writeKeyStore(form, file, "secret");
        }
        TestServer server = server(
                        x -> x.secureWithCertFrom(file.toString()).keyStorePassword("secret"),
                        EndpointConfigurator::secureSockets)
                .start(echo());
        Client client = connect(server, TLS13);
        assertThat(client.exchange("ping")).isEqualTo("ping");
        assertThat(client.session().getPeerCertificates()).containsExactlyElementsOf(own.chain());
    }

    @Test
    void anEndpointMayHaveTheApplicationsContext() throws Exception {
        SSLContext context = Certificates.context(authority, own);
        TestServer server = server(x -> {}, e -> e.secureSockets(tls -> tls.context(context)))
                .start(echo());
        assertThat(connect(server, TLS12).exchange("ping")).isEqualTo("ping");
    }

    @Test
    void aCertificateThatIsMissingFailsTheStartAndLeavesNothing() {
        TestServer server = server(x -> x.secureWithCertFrom("/nowhere/own.pem"), EndpointConfigurator::secureSockets);
        assertThatThrownBy(() -> server.start(echo()))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("certificate=/nowhere/own.pem does not exist");
    }

    private static X509Certificate served(TestServer server) throws Exception {
        return served(server.connect());
    }

    private static X509Certificate served(Client connected) throws Exception {
        try (Client client = connected.secure(Certificates.context(authority, null), only(TLS13))) {
            assertThat(client.exchange("x")).isEqualTo("x");
            return (X509Certificate) client.session().getPeerCertificates()[0];
        }
    }

    @Test
    void k13_aCertificateThatIsReplacedIsServedToThoseWhoComeThen() throws Exception {
        TestServer server = secure(echo());
        Client before = connect(server, TLS13);
        assertThat(served(server)).isEqualTo(own.certificate());
        Identity renewed = authority.issue("server.test");
        file("own", renewed);
        await().until(() -> served(server).equals(renewed.certificate()));
        assertThat(before.exchange("lives on")).isEqualTo("lives on");
    }

    @Test
    void k13_aReloadReadsCertificatesAtOnce() throws Exception {
        TestServer server = secure(echo());
        Identity renewed = authority.issue("server.test");
        file("own", renewed);
        server.server.reload(server.configuration);
        assertThat(served(server)).isEqualTo(renewed.certificate());
    }

    /** Each at an endpoint of its own, since it takes a while until the server has looked by itself. */
    @Test
    void k13_aCertificateThatCannotBeUsedLeavesTheOneOfBeforeWithOneLine() throws Exception {
        List<String> ways = List.of("broken", "cut", "missing", "mismatched", "expired");
        TestServer server = server(x -> ways.forEach(way -> x.addEndpoint(
                        way, e -> e.bindTo("127.0.0.1").port(0).secureSockets(tls -> tls.certFrom(file(way, own))))))
                .start(echo());
        Identity other = authority.issue("server.test");
        Files.writeString(folder.resolve("broken.pem"), "no certificate");
        Files.writeString(
                folder.resolve("cut.pem"), other.pem().substring(0, other.pem().length() - 40));
        Files.delete(folder.resolve("missing.pem"));
        Files.writeString(folder.resolve("mismatched.pem"), other.chainPem() + own.keyPem());
        file(
                "expired",
                new Certificates.Request("CN=server.test", "EC")
                        .valid(Instant.now().minusSeconds(20), Instant.now().minusSeconds(10))
                        .by(authority));
        server.server.reload(server.configuration);
        pass(Duration.ofMillis(1500)); // and one look by itself
        for (String way : ways) {
            assertThat(logs.take("certificates not reloaded, those of before are served on: endpoint=" + way))
                    .as(way)
                    .hasSize(1);
            assertThat(served(server.connectTo(way))).as(way).isEqualTo(own.certificate());
        }
    }

    @Test
    void k13_noHandshakeFailsAndNoConnectionEndsWhileCertificatesAreReplaced() throws Exception {
        replaceUnder(50);
    }

    @Test
    @Tag("long")
    @Timeout(300)
    void k13_noHandshakeFailsAndNoneOfAThousandConnectionsEndsWhileCertificatesAreReplaced() throws Exception {
        replaceUnder(1000);
    }

    private void replaceUnder(int live) throws Exception {
        TestServer server = secure(echo());
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < live; i++) {
            clients.add(connect(server, i % 2 == 0 ? TLS12 : TLS13));
        }
        AtomicBoolean over = new AtomicBoolean();
        CompletableFuture<Integer> handshakes = async(() -> {
            int count = 0;
            for (; !over.get(); count++) {
                served(server);
            }
            return count;
        });
        Identity last = own;
        for (int i = 0; i < 50; i++) {
            last = authority.issue("server.test");
            file("own", last);
            server.server.reload(server.configuration);
            assertThat(clients.get(i % live).exchange("x")).isEqualTo("x");
        }
        over.set(true);
        assertThat(handshakes.get(20, TimeUnit.SECONDS)).isPositive();
        for (Client client : clients) {
            assertThat(client.exchange("lives on")).isEqualTo("lives on");
        }
        assertThat(served(server)).isEqualTo(last.certificate());
        assertThat(server.server.stats().closed()).containsOnlyKeys(CloseReason.PEER_CLOSED);
    }

    @Test
    void o4_aCertificateThatExpiresIsToldOnceAndCanBeReplaced() throws Exception {
        String file = file(
                "expired",
                new Certificates.Request("CN=server.test", "EC")
                        .valid(Instant.now().minusSeconds(10), Instant.now().minusSeconds(1))
                        .by(authority));
        TestServer server =
                server(x -> {}, e -> e.secureSockets(tls -> tls.certFrom(file))).start(echo());
        assertThat(logs.take(
                        "a certificate has expired and peers will refuse it: endpoint=test subject=CN=server.test"))
                .hasSize(1);
        assertThatThrownBy(() -> served(server)).isInstanceOf(SSLException.class);
        file("expired", own);
        server.server.reload(server.configuration);
        assertThat(served(server)).isEqualTo(own.certificate());
    }

    @Test
    void twoSecureServersOfOneProcessKeepApart() throws Exception {
        Identity other = authority.issue("other.test");
        String file = file("other", other);
        TestServer first = secure(echo());
        TestServer second =
                server(x -> {}, e -> e.secureSockets(tls -> tls.certFrom(file))).start(echo());
        assertThat(connect(first, TLS13).session().getPeerCertificates()).contains(own.certificate());
        assertThat(connect(second, TLS13).session().getPeerCertificates()).contains(other.certificate());
        assertThat(List.of(first, second))
                .allSatisfy(server -> assertThat(server.server.stats().open()).isPositive());
    }
}
