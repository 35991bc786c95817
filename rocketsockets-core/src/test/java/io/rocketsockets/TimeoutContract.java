package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Group G: timeouts and slow peers. */
abstract class TimeoutContract extends EngineContract {
    /** Of every rule here; long enough for a peer that is to be on time on a machine with other work. */
    private static final Duration TIME = Duration.ofMillis(500);

    private static final Duration SHORTER = TIME.dividedBy(6);
    private static final Duration LONGER = TIME.multipliedBy(3).dividedBy(2);

    /** A tick, and what a machine with other work adds. */
    private static final Duration LATE = Duration.ofMillis(500);

    /** The loop reads its clock once a turn, and what a turn does lies after that. */
    private static final Duration TURN = Duration.ofMillis(10);

    private TestServer serve(Timeouts timeouts, SocketSessionFactory application) {
        return server(x -> {}, e -> e.timeouts(t -> timeouts)).start(application);
    }

    /** @param began not after the moment from which the time counts */
    private static void assertOnTime(long began) {
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isBetween(TIME.minus(TURN), TIME.plus(LATE));
    }

    // ---- Each rule: when, why, and what begins its time anew ----

    @Test
    void g1_aPeerThatNeverSpeaksIsClosedAfterTheFirstByteTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.firstByte(TIME), echo());
        long began = System.nanoTime();
        Client client = server.connect();
        assertThat(client.receiveAll()).isEmpty();
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_FIRST_BYTE);
    }

    @Test
    void g1_aPeerThatHasSpokenIsFreeOfTheFirstByteTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.firstByte(TIME), echo());
        Client client = server.connect();
        client.exchange("x");
        client.hearsNothingFor(LONGER);
        assertThat(client.exchange("y")).isEqualTo("y");
    }

    @Test
    void b11_peersThatNeverSpeakAreAllClosedAfterTheFirstByteTime() throws Exception {
        TestServer server = watched(x -> x.eventLoops(2), e -> e.timeouts(t -> Timeouts.NONE.firstByte(TIME)))
                .start(echo());
        server.canary();
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            clients.add(server.connect());
        }
        for (Client client : clients) {
            assertThat(client.receiveAll()).isEmpty();
            client.close();
            assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_FIRST_BYTE);
        }
    }

    @Test
    void g1_anIdleSocketIsClosedAfterItsTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.idle(TIME), echo());
        Client client = server.connect();
        long began = 0;
        for (int i = 0; i < 9; i++) { // each byte begins the time anew
            client.hearsNothingFor(SHORTER);
            began = System.nanoTime();
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        assertThat(client.receiveAll()).isEmpty();
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);
    }

    @Test
    void g1_bytesThatGoOutKeepASocketFromBeingIdle() throws Exception {
        TestServer server = serve(Timeouts.NONE.idle(TIME), discard());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        for (int i = 0; i < 9; i++) {
            client.hearsNothingFor(SHORTER);
            socket.write(bytes("x"));
            assertThat(client.receive(1)).isEqualTo("x");
        }
        assertThat(socket.isOpen()).isTrue();
    }

    @Test
    void g1_bytesThatGoOutDoNotCountAsRead() throws Exception {
        TestServer server = serve(Timeouts.NONE.read(TIME), discard());
        long began = System.nanoTime();
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        do {
            book.socket.write(bytes("x"));
        } while (client.read() >= 0);
        assertOnTime(began);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_READ);
    }

    @Test
    void g1_eachByteReadBeginsTheReadTimeAnew() throws Exception {
        TestServer server = serve(Timeouts.NONE.read(TIME), echo());
        Client client = server.connect();
        long began = 0;
        for (int i = 0; i < 9; i++) {
            client.hearsNothingFor(SHORTER);
            began = System.nanoTime();
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        assertThat(client.receiveAll()).isEmpty();
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_READ);
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void d9_aWindowThatStaysClosedIsResetAfterTheWriteTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.write(TIME), idle());
        Client client = server.connect();
        // A small one is overrun: a segment is dropped, and nothing moves until the kernel sends it again, after
        // seconds perhaps.
        client.socket.setReceiveBufferSize(4 << 20);
        Ledger.Book book = server.book(client);
        int turns = 5;
        // In each the peer may take all that the kernel holds, before the server has come to tell of any.
        CompletableFuture<Void> write =
                write(book.socket, ByteBuffer.allocate((turns + 1) * MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        long began = 0;
        for (int i = 0; i < turns; i++) { // what the peer takes begins the time anew
            pass(TIME.dividedBy(3));
            began = System.nanoTime();
            long before = book.socket.unsentBytes();
            while (book.socket.unsentBytes() == before) {
                client.receiveBytes(64 * 1024);
            }
        }
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_WRITE);
        assertOnTime(began);
        assertThat(write).isCompletedExceptionally();
        assertThat(client.isReset()).isTrue();
    }

    @Test
    void d9_aPeerThatHasTakenEverythingIsFreeOfTheWriteTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.write(TIME), echo());
        Client client = server.connect();
        byte[] payload = random(9, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Client> sending = async(() -> client.send(payload));
        pass(SHORTER);
        assertThat(client.receiveBytes(payload.length)).isEqualTo(payload);
        sending.get(20, TimeUnit.SECONDS);
        client.hearsNothingFor(LONGER);
        assertThat(client.exchange("x")).isEqualTo("x");
    }

    @Test
    void g1_aConnectionEndsWithItsLifetimeHoweverBusy() throws Exception {
        TestServer server = serve(Timeouts.NONE.lifetime(TIME), echo());
        long began = System.nanoTime();
        Client client = server.connect();
        while (client.send("x").read() >= 0) {}
        assertOnTime(began);
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_LIFETIME);
    }

    @Test
    void g1_whatIsQueuedAtTheEndOfALifetimeIsDelivered() throws Exception {
        byte[] payload = random(1, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serve(Timeouts.NONE.lifetime(TIME), socket -> {
            socket.write(ByteBuffer.wrap(payload));
            return bytes -> {};
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        book.awaitBlocked();
        await().until(() -> !book.socket.isOpen());
        assertThat(client.receiveAllBytes()).isEqualTo(payload);
        client.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_LIFETIME);
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void g1_aPeerThatNeverReadsIsIdleToo() throws Exception {
        TestServer server = serve(Timeouts.NONE.idle(TIME), idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);
        assertThat(write).isCompletedExceptionally();
        assertThat(client.isReset()).isTrue();
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void g1_closingASocketWhosePeerNeverReadsEndsByTheWriteTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.write(TIME), idle());
        long began = System.nanoTime();
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.socket.close();
        assertThat(book.awaitClosed()).as("the first cause wins").isEqualTo(CloseReason.CLOSED);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThanOrEqualTo(TIME.minus(TURN));
        assertThat(write).isCompletedExceptionally();
        assertThat(client.isReset()).isTrue();
    }

    // ---- What does not count ----

    @Test
    void g1_timeInWhichNothingIsAskedOfThePeerDoesNotCount() throws Exception {
        TestServer server =
                serve(Timeouts.NONE.firstByte(TIME).read(TIME.multipliedBy(2)).idle(TIME.multipliedBy(2)), idle());
        Client client = server.connect();
        client.hearsNothingFor(LONGER);
        long began = System.nanoTime();
        server.socket(client).startReading();
        assertThat(client.receiveAll()).isEmpty();
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_FIRST_BYTE);
    }

    @Test
    void g1_timeInWhichReadingIsPausedByTheWaterMarksDoesNotCount() throws Exception {
        TestServer server = serve(Timeouts.NONE.read(TIME), echo());
        byte[] payload = random(2, 3 * MORE_THAN_THE_KERNEL_TAKES);
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Client> sending = async(() -> client.send(payload));
        book.awaitBlocked();
        pass(LONGER);
        assertThat(client.receiveBytes(payload.length)).isEqualTo(payload);
        sending.get(20, TimeUnit.SECONDS);
        assertThat(client.receiveAll()).isEmpty();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_READ);
    }

    @OfTcp("its process listens on TCP")
    @NotOverTls(NotOverTls.OWN_PROCESS)
    @Test
    void n10_aProcessThatWasFrozenClosesNobodyAtOnce() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/kill")), "skipped: no kill (apt install procps)");
        try (ServerProcess server =
                        new ServerProcess(List.of(), List.of(), engine(), ServerProcess.Behaviour.ECHO_IDLE_2_SECONDS);
                Client silent = new Client(server.address());
                Client talking = new Client(server.address())) {
            silent.exchange("before");
            talking.exchange("before");
            server.signal("STOP");
            talking.send("meanwhile");
            pass(Duration.ofSeconds(4));
            server.signal("CONT");
            assertThat(talking.receive(9)).isEqualTo("meanwhile");
            assertThat(silent.exchange("after")).isEqualTo("after");
        }
    }

    @Test
    void o3_aCallbackThatHeldTheLoopMakesNobodyLate() throws Exception {
        Timeouts timeouts = Timeouts.NONE.idle(Duration.ofSeconds(2));
        // Nobody relieves the loop.
        TestServer server = server(x -> x.stallLimit(Duration.ZERO), e -> e.timeouts(t -> timeouts))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        if (text(bytes).equals("hold")) {
                            pass(Duration.ofSeconds(3));
                        }
                        socket.write(bytes);
                    };
                });
        Client silent = server.connect();
        silent.exchange("before");
        Client talking = server.connect();
        talking.exchange("before");
        Client holder = server.connect().send("hold");
        server.book(holder).awaitReceived(4);
        talking.send("meanwhile");
        assertThat(holder.receive(4)).isEqualTo("hold");
        assertThat(talking.receive(9)).isEqualTo("meanwhile");
        assertThat(silent.exchange("after")).isEqualTo("after");
    }

    // ---- Changed while the socket lives ----

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void g1_theRulesOfASocketChangeWhileItLives(boolean onLoop) throws Exception {
        TestServer server = serve(Timeouts.NONE.idle(Duration.ofHours(1)), echo());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        assertThat(book.socket.timeouts()).isEqualTo(Timeouts.NONE.idle(Duration.ofHours(1)));
        long began = System.nanoTime();
        client.exchange("x");
        change(book, Timeouts.NONE.idle(TIME), onLoop);
        assertThat(client.receiveAll()).isEmpty();
        assertOnTime(began);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);

        Client other = server.connect();
        change(server.book(other), Timeouts.NONE.idle(TIME), onLoop);
        change(server.book(other), Timeouts.NONE, onLoop);
        other.hearsNothingFor(LONGER);
        assertThat(other.exchange("x")).isEqualTo("x");
    }

    private static void change(Ledger.Book book, Timeouts timeouts, boolean onLoop) throws Exception {
        if (onLoop) {
            book.onLoop(() -> {
                book.socket.timeouts(timeouts);
                return null;
            });
        } else {
            book.socket.timeouts(timeouts);
        }
        assertThat(book.socket.timeouts()).isEqualTo(timeouts);
    }

    @Test
    void g1_aRuleThatIsBrokenAlreadyEndsTheSocketSoon() throws Exception {
        TestServer server = serve(Timeouts.NONE, discard());
        Client client = server.connect();
        client.hearsNothingFor(SHORTER);
        server.socket(client).timeouts(Timeouts.NONE.lifetime(Duration.ofMillis(1)));
        assertThat(client.receiveAll()).isEmpty();
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_LIFETIME);
    }

    @Test
    void g1_rulesThatCannotBeAreRefusedTogether() throws Exception {
        TestServer server = serve(idle());
        SocketHandle socket = server.socket(server.connect());
        Timeouts before = socket.timeouts();
        assertThatThrownBy(() -> socket.timeouts(
                        Timeouts.NONE.idle(Duration.ofSeconds(-1)).minReadRate(-2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("socket=" + socket.id())
                .hasMessageContaining("timeouts.idle=PT-1S")
                .hasMessageContaining("timeouts.minReadRate=-2");
        assertThat(socket.timeouts()).isEqualTo(before);
    }

    @Test
    void g6_theLongestTimesThatThereAreNeverEnd() throws Exception {
        Duration longest = Duration.ofSeconds(Long.MAX_VALUE);
        Timeouts timeouts = new Timeouts(longest, longest, longest, longest, longest, 1, Integer.MAX_VALUE, longest);
        TestServer server = serve(timeouts, socket -> {
            socket.startReading();
            return Frames.lines(socket, 100, line -> socket.write(line));
        });
        Client client = server.connect();
        write(server.socket(client), ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        client.send("a");
        pass(SHORTER.multipliedBy(2));
        client.receiveBytes(MORE_THAN_THE_KERNEL_TAKES);
        assertThat(client.send("\n").receive(1)).isEqualTo("a");
    }

    // ---- Slow peers ----

    private static SocketSessionFactory lines() {
        return socket -> {
            socket.startReading();
            return Frames.lines(socket, 8192, socket::write);
        };
    }

    private static void trickle(Client client) throws IOException {
        try {
            while (true) {
                client.send("x");
                pass(SHORTER.dividedBy(5));
            }
        } catch (SocketException reset) {
            // What this peer waits for.
        }
    }

    @Test
    void g2_aPeerThatTricklesALineIsReset() throws Exception {
        TestServer server = watched(
                        x -> {},
                        e -> e.timeouts(t -> Timeouts.NONE.minReadRate(1000).rateGrace(TIME)))
                .start(lines());
        server.canary();
        Client client = server.connect();
        assertThat(client.send("hello\n").receive(5)).isEqualTo("hello");
        long began = System.nanoTime();
        trickle(client);
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.LIMIT_READ_RATE);
    }

    @Test
    void g2_betweenTwoLinesAPeerMayBeSilent() throws Exception {
        TestServer server = serve(Timeouts.NONE.minReadRate(1000).rateGrace(TIME), lines());
        Client client = server.connect();
        client.send("he");
        assertThat(client.send("llo\n").receive(5)).isEqualTo("hello");
        client.hearsNothingFor(LONGER);
        assertThat(client.send("hello\n").receive(5)).isEqualTo("hello");
    }

    @Test
    void g2_aPeerThatKeepsTheRateMayTakeItsTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.minReadRate(200).rateGrace(TIME), lines());
        Client client = server.connect();
        String line = "";
        for (int i = 0; i < 9; i++) {
            String part = "0123456789".repeat(10);
            client.send(part).hearsNothingFor(SHORTER);
            line += part;
        }
        assertThat(client.send("\n").receive(line.length())).isEqualTo(line);
    }

    @OfTcp(OfTcp.RESETS)
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void g2_theApplicationSaysWhereAMessageBeginsAndEnds(boolean onLoop) throws Exception {
        TestServer server = serve(Timeouts.NONE.minReadRate(1000).rateGrace(TIME), socket -> {
            socket.startReading();
            return bytes -> {
                if (onLoop && text(bytes).equals("b")) {
                    socket.messageBegins();
                } else if (onLoop) {
                    socket.messageEnds();
                }
                socket.write(bytes);
            };
        });
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        client.exchange("b");
        if (!onLoop) {
            socket.messageBegins();
            socket.messageBegins();
        }
        client.exchange("e");
        if (!onLoop) {
            socket.messageEnds();
            socket.messageEnds();
        }
        client.hearsNothingFor(LONGER);
        long began = System.nanoTime();
        client.exchange("b");
        if (!onLoop) {
            socket.messageBegins();
        }
        assertThat(client.isReset()).isTrue();
        assertOnTime(began);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.LIMIT_READ_RATE);
    }

    @Test
    void g2_timeInWhichNothingIsReadIsNotThePeers() throws Exception {
        TestServer server = serve(Timeouts.NONE.minReadRate(1000).rateGrace(TIME), lines());
        Client client = server.connect().send("he");
        Ledger.Book book = server.book(client);
        book.awaitReceived(2);
        book.socket.stopReading();
        client.hearsNothingFor(LONGER);
        book.socket.startReading();
        assertThat(client.send("llo\n").receive(5)).isEqualTo("hello");
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void g3_aPeerThatReadsTooSlowlyIsReset() throws Exception {
        // What the kernel takes on its own, some MiB, is paid off in some hundredths of a second.
        TestServer server = watched(
                        x -> {},
                        e -> e.timeouts(
                                t -> Timeouts.NONE.minWriteRate(100_000_000).rateGrace(TIME)))
                .start(idle());
        server.canary();
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        long began = System.nanoTime();
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(2 * MORE_THAN_THE_KERNEL_TAKES));
        while (!book.closed.isDone()) {
            client.receiveBytes(1024);
            pass(SHORTER.dividedBy(5));
        }
        assertOnTime(began);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.LIMIT_WRITE_RATE);
        assertThat(write).isCompletedExceptionally();
        assertThat(client.isReset()).isTrue();
    }

    @Test
    void g3_aPeerThatReadsFastEnoughMayTakeItsTime() throws Exception {
        TestServer server = serve(Timeouts.NONE.minWriteRate(1000).rateGrace(TIME), idle());
        Client client = server.connect();
        byte[] payload = random(3, 2 * MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Void> write = write(server.socket(client), ByteBuffer.wrap(payload));
        ByteBuffer received = ByteBuffer.allocate(payload.length);
        for (int i = 0; i < 8; i++) {
            received.put(client.receiveBytes(payload.length / 8));
            pass(SHORTER);
        }
        assertThat(received.array()).isEqualTo(payload);
        assertThat(write).succeedsWithin(Duration.ofSeconds(10));
    }

    // ---- Races ----

    @Test
    void g7_dataThatRacesATimeoutIsAnsweredOrNotAtAll() throws Exception {
        Duration time = Duration.ofMillis(200);
        TestServer server = serve(Timeouts.NONE.idle(time), echo());
        Random random = new Random(7);
        List<CompletableFuture<Void>> peers = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            Duration pause = time.plusMillis(random.nextInt(160) - 60);
            Client client = server.connect();
            Ledger.Book book = server.book(client);
            peers.add(async(() -> {
                pass(pause);
                int echoed = 0;
                try {
                    client.send("x");
                    echoed = client.receiveAllBytes().length;
                } catch (SocketException closedBefore) {
                    // Then nothing came: a reset follows only what the server has not read.
                }
                client.close();
                assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);
                assertThat(book.bytesReceived).hasValue(echoed);
                return null;
            }));
        }
        for (CompletableFuture<Void> peer : peers) {
            peer.get(20, TimeUnit.SECONDS);
        }
    }
}
