package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group E: half-close, close, abort, reset. */
abstract class CloseContract extends EngineContract {
    // ---- Half-close ----

    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 3 * 1024 * 1024})
    void e1_aPeerThatHalfClosesGetsItsEcho(int size) throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        byte[] sent = random(size, size);
        CompletableFuture<Client> sending = async(() -> client.send(sent).endOutput());
        assertThat(client.receiveAllBytes()).isEqualTo(sent);
        sending.get(20, SECONDS);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @OfTcp("netcat is told a port")
    @NotOverTls("netcat speaks no TLS")
    @Test
    void e1_netcatGetsItsEcho() throws Exception {
        Path nc = Path.of("/usr/bin/nc");
        assumeTrue(Files.isExecutable(nc), "skipped: no netcat (apt install netcat-openbsd)");
        TestServer server = serve(echo());
        int port = ((InetSocketAddress) server.address()).getPort();
        Process netcat = new ProcessBuilder("sh", "-c", "printf x | nc -N 127.0.0.1 " + port)
                .redirectErrorStream(true)
                .start();
        assertThat(new String(netcat.getInputStream().readAllBytes(), US_ASCII)).isEqualTo("x");
        assertThat(netcat.waitFor(10, SECONDS)).isTrue();
    }

    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    @Test
    void e2_shutdownOutputSendsFinAfterWhatIsQueuedAndReadingGoesOn() throws Exception {
        byte[] payload = random(2, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serve(socket -> {
            socket.startReading();
            socket.write(ByteBuffer.wrap(payload));
            socket.shutdownOutput();
            socket.shutdownOutput();
            return bytes -> {};
        });
        Client client = server.connect();
        assertThat(client.receiveAllBytes()).isEqualTo(payload);
        Ledger.Book book = server.book(client);
        client.send("still read");
        book.awaitReceived(10);
        assertThat(book.socket.closeReason()).isEmpty();
        client.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @Test
    void e2_closeAfterShutdownOutputEndsTheSocket() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        book.socket.shutdownOutput();
        assertThat(client.receiveAll()).isEmpty();
        book.socket.close();
        client.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
    }

    // ---- Close and abort ----

    @Test
    void e4_closeDeliversWhatIsQueuedThenFin() throws Exception {
        byte[] payload = random(4, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.wrap(payload));
        book.socket.close();
        assertThat(book.socket.isOpen()).isFalse();
        assertThat(server.server.socket(book.socket.id())).isEmpty();
        assertThat(client.receiveAllBytes()).isEqualTo(payload);
        client.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(write).isCompleted();
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void e4_abortDropsWhatIsQueuedAndResets() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        Queue<Integer> failed = new ConcurrentLinkedQueue<>();
        for (int i = 0; i < 5; i++) {
            int number = i;
            book.socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES), () -> {}, failure -> {
                assertThat(failure)
                        .isInstanceOf(SocketClosedException.class)
                        .hasMessageContaining("socket=" + book.socket.id())
                        .hasMessageContaining("reason=ABORTED");
                failed.add(number);
            });
        }
        book.awaitBlocked();
        book.socket.abort();
        assertThat(book.socket.isOpen()).isFalse();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.ABORTED);
        assertThat(failed).containsExactly(0, 1, 2, 3, 4);
        assertThat(book.socket.unsentBytes()).isZero();
        assertThat(client.isReset()).isTrue();
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void e4_abortResetsAPeerThatHasReadEverything() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        client.exchange("x");
        server.socket(client).abort();
        assertThatThrownBy(() -> client.receive(1))
                .isInstanceOf(SocketException.class)
                .hasMessageContaining("reset");
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void e4_abortEndsASocketThatIsClosing() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.socket.close();
        book.awaitBlocked();
        book.socket.abort();
        assertThat(book.awaitClosed()).as("the first cause wins").isEqualTo(CloseReason.CLOSED);
        assertThat(write).isCompletedExceptionally();
        assertThat(client.isReset()).isTrue();
    }

    @Test
    void e5_closeWithUnreadInputDoesNotDestroyTheReply() throws Exception {
        byte[] reply = random(5, 1024 * 1024);
        TestServer server = server(x -> x.readBufferSize(1024)).start(socket -> {
            socket.read();
            return bytes -> {
                socket.write(ByteBuffer.wrap(reply));
                socket.close();
            };
        });
        for (int i = 0; i < 20; i++) {
            // Fits into the window: all of it has arrived, or is about to, when the server closes.
            Client client = server.connect().send(new byte[60_000]);
            assertThat(client.receiveAllBytes()).isEqualTo(reply);
            client.close();
            assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.CLOSED);
        }
    }

    @Test
    void e5_aPeerThatNeverClosesIsNotWaitedForLong() throws Exception {
        TestServer server = serve(socket -> {
            socket.close();
            return bytes -> {};
        });
        Client quiet = server.connect();
        assertThat(quiet.receiveAll()).isEmpty();
        assertThat(server.book(quiet).awaitClosed()).isEqualTo(CloseReason.CLOSED);
        Client talkative = server.connect();
        Ledger.Book book = server.book(talkative);
        assertThatThrownBy(() -> {
                    while (true) {
                        talkative.send("and on and on");
                    }
                })
                .isInstanceOf(SocketException.class);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(book.deliveries).hasValue(0);
    }

    /** Where a callback ends its socket. */
    enum Place {
        CONNECTED,
        RECEIVED,
        COMPLETED,
        WRITE_FAILED,
        CLOSED
    }

    private static SocketSessionFactory endingIn(Place place, Consumer<SocketHandle> end) {
        return socket -> {
            socket.read();
            if (place == Place.CONNECTED) {
                end.accept(socket);
            }
            return session(
                    bytes -> {
                        switch (place) {
                            case RECEIVED -> end.accept(socket);
                            case COMPLETED -> socket.write(bytes, () -> end.accept(socket), failure -> {});
                            case WRITE_FAILED -> {
                                socket.shutdownOutput();
                                socket.write(bytes, () -> {}, failure -> end.accept(socket));
                            }
                            case CLOSED -> socket.close();
                            default -> throw new AssertionError("nothing is received after the end");
                        }
                    },
                    () -> {
                        if (place == Place.CLOSED) {
                            end.accept(socket);
                        }
                    });
        };
    }

    @ParameterizedTest
    @EnumSource
    void e3_closeTwiceInAnyCallbackEndsTheSocketOnce(Place place) throws Exception {
        TestServer server = serve(endingIn(place, socket -> {
            socket.close();
            socket.close();
            assertThat(socket.isOpen()).isFalse();
        }));
        Client client = server.connect();
        if (place != Place.CONNECTED) {
            client.send("x");
        }
        assertThat(client.receiveAll()).hasSizeLessThan(2);
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.CLOSED);
    }

    @NotOverTls(NotOverTls.NEEDS_THE_LOOP)
    @OfTcp(OfTcp.RESETS)
    @ParameterizedTest
    @EnumSource
    void e3_abortTwiceInAnyCallbackEndsTheSocketOnce(Place place) throws Exception {
        CompletableFuture<Void> connected = new CompletableFuture<>(); // or the RST may meet the client's connect
        TestServer server = serve(endingIn(place, socket -> {
            connected.join();
            socket.abort();
            socket.abort();
            assertThat(socket.isOpen()).isFalse();
        }));
        Client client = server.connect().send("x");
        connected.complete(null);
        boolean reset = client.isReset();
        if (place != Place.WRITE_FAILED) { // where a FIN is on its way already
            assertThat(reset).isEqualTo(place != Place.CLOSED);
        }
        client.close();
        assertThat(server.book(client).awaitClosed())
                .isEqualTo(place == Place.CLOSED ? CloseReason.CLOSED : CloseReason.ABORTED);
    }

    @Test
    void e3_bothSidesAndOtherThreadsCloseAtOnce() throws Exception {
        TestServer server = serve(2, echo());
        for (int round = 0; round < 100; round++) {
            Client client = server.connect();
            Ledger.Book book = server.book(client);
            List<CompletableFuture<Void>> closers = IntStream.range(0, 3)
                    .mapToObj(n -> async(() -> {
                        switch (n) {
                            case 0 -> client.close();
                            case 1 -> book.socket.close();
                            default -> book.socket.shutdownOutput();
                        }
                        return (Void) null;
                    }))
                    .toList();
            for (CompletableFuture<Void> closer : closers) {
                closer.get(20, SECONDS);
            }
            assertThat(book.awaitClosed()).isIn(CloseReason.CLOSED, CloseReason.PEER_CLOSED, CloseReason.PEER_RESET);
        }
    }

    @Test
    void theReasonIsSetBeforeTheCloseActionAndEmptyBefore() throws Exception {
        CompletableFuture<String> seen = new CompletableFuture<>();
        TestServer server = serve(socket -> {
            socket.startReading();
            return session(
                    bytes -> socket.attach(socket.closeReason() + " " + socket.isOpen()),
                    () -> seen.complete(
                            socket.attachment(String.class) + " " + socket.closeReason() + " " + socket.isOpen()));
        });
        server.connect().send("x").close();
        assertThat(seen.get(20, SECONDS)).isEqualTo("Optional.empty true Optional[PEER_CLOSED] false");
    }

    @Test
    void theCloseActionComesAfterEveryOtherCallback() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = serve(socket -> {
            events.add("connected");
            socket.startReading();
            return session(
                    bytes -> {
                        events.add("received");
                        socket.write(ByteBuffer.allocate(10), () -> events.add("completed"), failure -> {});
                        socket.write(
                                ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES),
                                () -> {},
                                failure -> events.add("failed"));
                    },
                    () -> events.add("closed"));
        });
        Client client = server.connect().send("x");
        Ledger.Book book = server.book(client);
        await().until(() -> events.contains("completed"));
        client.reset();
        book.awaitClosed();
        assertThat(events).containsExactly("connected", "received", "completed", "failed", "closed");
    }

    // ---- Many ----

    @OfTcp(OfTcp.RESETS)
    @Test
    @WithoutBystander(IT_COUNTS)
    void e7_aStormOfResetsIsCountedAndNothingElse() throws Exception {
        TestServer server = serve(2, echo());
        for (int i = 0; i < 300; i++) {
            Client client = server.connect();
            client.exchange("x");
            client.reset();
        }
        await().until(() -> server.server.stats().open() == 0);
        assertThat(server.server.stats().closed()).containsExactlyEntriesOf(Map.of(CloseReason.PEER_RESET, 300L));
    }

    /**
     * In one turn: a socket that has input is closed, then another is accepted, which gets its number, and then what the
     * engine had found for the first one is due.
     */
    @OfTcp(OfTcp.RESETS)
    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls(NotOverTls.NEEDS_THE_LOOP)
    void e9_whatWasFoundForAClosedSocketDoesNotReachTheNextOfItsNumber() throws Exception {
        Semaphore holds = new Semaphore(0);
        Semaphore goesOn = new Semaphore(0);
        Queue<SocketHandle> sockets = new ConcurrentLinkedQueue<>();
        TestServer server = server(x -> x.stallLimit(Duration.ZERO)).start(socket -> {
            sockets.add(socket);
            socket.startReading();
            return bytes -> {
                switch (text(bytes)) {
                    case "hold" -> {
                        holds.release();
                        goesOn.acquireUninterruptibly();
                    }
                    case "abort the second" ->
                        sockets.stream().skip(1).findFirst().ifPresent(SocketHandle::abort);
                    default -> socket.write(bytes);
                }
            };
        });
        for (int round = 0; round < 20; round++) {
            sockets.clear();
            Client first = server.connect();
            first.exchange("first");
            Client second = server.connect();
            second.exchange("second");
            first.send("hold");
            assertThat(holds.tryAcquire(10, SECONDS)).isTrue();
            Client breaker = server.connect();
            first.send("abort the second");
            second.send("stale");
            Client third = server.connect();
            goesOn.release();
            assertThat(third.exchange("third")).isEqualTo("third");
            assertThat(breaker.exchange("fourth")).isEqualTo("fourth");
            assertThat(second.isReset()).isTrue();
            for (Client client : List.of(first, second, third, breaker)) {
                client.close();
            }
            await().until(() -> server.server.stats().open() == 0);
        }
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void e10_aThousandSocketsClosedAtOnceAreClosedSoon() throws Exception {
        TestServer server = serve(2, echo());
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            clients.add(server.connect());
        }
        await().until(() -> server.server.stats().open() == 1000);
        Client canary = server.connect();
        server.ledger.books().stream()
                .filter(book -> !book.remoteAddress.equals(canary.address()))
                .forEach(book -> book.socket.close());
        for (Client client : clients) {
            assertThat(client.receiveAll()).isEmpty();
            client.close();
        }
        assertThat(canary.exchange("x")).isEqualTo("x");
        await().until(() -> server.server.stats().open() == 1);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void j2_twoThousandConnectionsComeAndGo() throws Exception {
        churn(500);
    }

    @Tag("long")
    @Timeout(600)
    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls("a handshake each takes longer than it may")
    void j2_twoHundredThousandConnectionsComeAndGo() throws Exception {
        churn(50_000);
    }

    /** Four clients, each with so many connections one after another, ended in three ways. */
    private void churn(int perClient) throws Exception {
        TestServer server = serve(2, echo());
        server.connect().exchange("first");
        long before = Leaks.descriptors();
        List<CompletableFuture<Void>> clients = IntStream.range(0, 4)
                .mapToObj(n -> async(() -> {
                    for (int i = 0; i < perClient; i++) {
                        try (Client client = server.connectBriefly()) {
                            assertThat(client.exchange("message " + n)).isEqualTo("message " + n);
                            switch (i % 3) {
                                case 0 -> client.reset();
                                case 1 -> client.endOutput().receiveAll();
                                default -> {}
                            }
                        }
                    }
                    return (Void) null;
                }))
                .toList();
        for (CompletableFuture<Void> each : clients) {
            each.get(500, SECONDS);
        }
        await().until(() -> server.server.stats().open() == 1);
        assertThat(server.server.stats().accepted()).isEqualTo(4L * perClient + 1);
        await().untilAsserted(() -> assertThat(Leaks.descriptors()).isLessThanOrEqualTo(before));
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void e8_socketsThatWaitForNothingCostNothing() throws Exception {
        TestServer server = serve(idle());
        server.connect().endOutput();
        Client reset = server.connect();
        server.book(reset);
        reset.send("unread").reset();
        Client slow = server.connect();
        write(server.socket(slow), ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        server.connect().send("unread");
        server.book(slow).awaitBlocked();
        // Time passes with an echo on another server.
        TestServer other = serve(echo());
        Client busy = other.connect();
        long end = System.nanoTime() + 500_000_000;
        while (System.nanoTime() - end < 0) {
            busy.exchange("x");
        }
        // Of a loop that spins it would be 0.4 by now.
        assertThat(server.server.stats().loops().get(0).busyShare()).isLessThan(0.2);
    }
}
