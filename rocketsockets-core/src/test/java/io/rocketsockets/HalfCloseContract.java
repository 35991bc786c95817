package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Group E: a peer that ends its side only, is reset in any state, or vanishes. */
abstract class HalfCloseContract extends EngineContract {
    private static final Duration A_WHILE = Duration.ofMillis(200);

    private TestServer serveHalfClosed(SocketSessionFactory application) {
        return server(x -> {}, EndpointConfigurator::halfClose).start(application);
    }

    /** Reads, and does something when the input has ended. */
    private static SocketSessionFactory atInputEnd(Consumer<ByteBuffer> onBytes, Consumer<SocketHandle> onInputEnd) {
        return socket -> {
            socket.startReading();
            return new SocketSession() {
                @Override
                public void onBytes(ByteBuffer bytes) {
                    onBytes.accept(bytes);
                }

                @Override
                public void onInputEnd() {
                    onInputEnd.accept(socket);
                }
            };
        };
    }

    // ---- The end of the input ----

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e1_theEndOfTheInputIsToldOnceAndTheOutputStaysOpen() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = serveHalfClosed(atInputEnd(
                bytes -> events.add("bytes " + text(bytes)), socket -> events.add("end " + socket.isOpen())));
        Client client = server.connect().send("all").endOutput();
        Ledger.Book book = server.book(client);
        client.hearsNothingFor(A_WHILE);
        assertThat(events).containsExactly("bytes all", "end true");
        book.socket.write(bytes("still open"));
        assertThat(client.receive(10)).isEqualTo("still open");
        book.socket.startReading();
        book.awaitTurns();
        book.socket.close();
        assertThat(client.receiveAll()).isEmpty();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(events).hasSize(2);
    }

    @Test
    void e1_withoutHalfCloseTheEndOfTheInputIsTheEnd() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = server().start(atInputEnd(bytes -> {}, socket -> events.add("end")));
        Client client = server.connect().endOutput();
        assertThat(client.receiveAll()).isEmpty();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(events).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3 * 1024 * 1024})
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e1_anAnswerMayBeGivenOnceEverythingHasCome(int size) throws Exception {
        CRC32C sum = new CRC32C();
        TestServer server = serveHalfClosed(atInputEnd(sum::update, socket -> {
            socket.write(ByteBuffer.allocate(8).putLong(0, sum.getValue()));
            socket.close();
        }));
        byte[] payload = random(size, size);
        Client client = server.connect().send(payload).endOutput();
        CRC32C expected = new CRC32C();
        expected.update(payload);
        assertThat(ByteBuffer.wrap(client.receiveAllBytes()).getLong()).isEqualTo(expected.getValue());
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(server.book(client).bytesReceived).hasValue(size);
    }

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e1_whatIsQueuedAtTheEndOfTheInputIsDelivered() throws Exception {
        byte[] payload = random(1, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serveHalfClosed(atInputEnd(bytes -> {}, SocketHandle::close));
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.wrap(payload));
        client.endOutput();
        assertThat(client.receiveAllBytes()).isEqualTo(payload);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(write).isCompleted();
    }

    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    @Test
    void e1_theEndOfTheInputWaitsForTheRead() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = serveHalfClosed(socket -> new SocketSession() {
            @Override
            public void onBytes(ByteBuffer bytes) {
                events.add(text(bytes));
            }

            @Override
            public void onInputEnd() {
                events.add("end");
                socket.close();
            }
        });
        Client client = server.connect().send("x").endOutput();
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(events).isEmpty();
        book.socket.read();
        book.awaitDeliveries(1);
        book.awaitTurns();
        assertThat(events).containsExactly("x");
        book.socket.read();
        assertThat(client.receiveAll()).isEmpty();
        assertThat(events).containsExactly("x", "end");
    }

    // ---- Both orders ----

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e1_thePeerEndsFirstThenTheServersOutputEndsTheSocket() throws Exception {
        TestServer server = serveHalfClosed(atInputEnd(bytes -> {}, socket -> {
            socket.write(bytes("bye"));
            socket.shutdownOutput();
        }));
        Client client = server.connect().endOutput();
        assertThat(client.receiveAll()).isEqualTo("bye");
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
    }

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e2_theServersOutputEndsFirstThenThePeerEndsTheSocket() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = serveHalfClosed(atInputEnd(bytes -> events.add(text(bytes)), socket -> events.add("end")));
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        book.socket.shutdownOutput();
        assertThat(client.receiveAll()).isEmpty();
        client.send("x");
        book.awaitReceived(1);
        client.endOutput();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(events).containsExactly("x", "end");
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e4_abortAtTheEndOfTheInputResets() throws Exception {
        TestServer server = serveHalfClosed(atInputEnd(bytes -> {}, SocketHandle::abort));
        Client client = server.connect().endOutput();
        assertThat(client.isReset()).isTrue();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.ABORTED);
    }

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void i1_anInputEndThatThrowsClosesItsSocketAndDeliversWhatWasWritten() throws Exception {
        TestServer server = watched(x -> {}, EndpointConfigurator::halfClose).start(atInputEnd(bytes -> {}, socket -> {
            socket.write(bytes("bye"));
            throw new IllegalStateException("thrown by the test");
        }));
        server.canary();
        Client client = server.connect().endOutput();
        assertThat(client.receiveAll()).isEqualTo("bye");
        Ledger.Book book = server.book(client);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
        List<String> lines = new ArrayList<>();
        await().until(() -> lines.addAll(logs.take("ending its input"))); // on an executor it may come later
        assertThat(lines).singleElement().asString().contains("socket=" + book.socket.id(), "thrown by the test");
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void a8_stopEndsASocketWhosePeerHasEndedItsSide() throws Exception {
        TestServer server = serveHalfClosed(discard());
        Client client = server.connect().endOutput();
        Ledger.Book book = server.book(client);
        client.hearsNothingFor(A_WHILE);
        assertThat(server.server.stop()).isEqualTo(ShutdownReport.DRAINED);
        assertThat(client.receiveAll()).isEmpty();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.STOPPED);
    }

    @Test
    @NotOverTls(value = NotOverTls.HALF_CLOSE, versions = SecureContract.TLS12)
    void e8_aPeerThatHasEndedItsSideCostsNothing() throws Exception {
        TestServer server = serveHalfClosed(discard());
        for (int i = 0; i < 5; i++) {
            server.book(server.connect().endOutput());
        }
        server.connect().send("x").endOutput().hearsNothingFor(A_WHILE);
        assertThat(spins()).as("share of a core").isLessThan(0.02);
    }

    // ---- Reset in every state ----

    @OfTcp(OfTcp.RESETS)
    @Test
    @WithoutBystander(IT_COUNTS)
    void e7_aResetBeforeTheFirstByteIsToldAsSuch() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(server.server.stats().bytesRead()).isZero();
        assertThat(server.server.stats().bytesWritten()).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @WithoutBystander(IT_COUNTS)
    void e7_aResetWhileDataIsQueuedFailsItAndCountsWhatWasTaken(boolean reading) throws Exception {
        TestServer server = serve(reading ? discard() : idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        if (reading) {
            client.send("12345");
            book.awaitReceived(5);
        }
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        long unsent = book.socket.unsentBytes();
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(write).isCompletedExceptionally();
        assertThat(book.socket.unsentBytes()).isZero();
        assertThat(server.server.stats().bytesWritten()).isEqualTo(MORE_THAN_THE_KERNEL_TAKES - unsent);
        assertThat(server.server.stats().bytesRead()).isEqualTo(reading ? 5 : 0);
    }

    @Test
    void e7_aResetWhileTheServerClosesKeepsTheFirstCause() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.socket.close();
        book.awaitBlocked();
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(write).isCompletedExceptionally();
    }

    /** The peer has ended its side, and does not take what is queued for it: no byte was promised to be lost cleanly. */
    @Test
    void e7_aResetAfterTheEndOfTheInputIsNoCleanEndWhileDataIsQueued() throws Exception {
        // It is read however much is queued, so that its end is seen before its reset.
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE).writeWaterMarks(0, Integer.MAX_VALUE))
                .start(discard());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        client.endOutput();
        await().until(() -> !book.socket.isOpen());
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(write).isCompletedExceptionally();
    }

    /** As long as a segment of its that was lost takes to come again. */
    @Test
    @OfTcp("it is about segments that are lost")
    void e7_aPeerThatWasSendingMaySendAgainAfterAPause() throws Exception {
        int answer = 1 << 20; // more than the peer's kernel takes, and all that the server's does
        CompletableFuture<Void> closing = new CompletableFuture<>();
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> socket.write(
                    ByteBuffer.allocate(answer),
                    () -> {
                        socket.close();
                        closing.complete(null);
                    },
                    closed -> {});
        });
        Client client = server.connect().send("x");
        client.receive(1);
        closing.get(20, TimeUnit.SECONDS);
        for (int i = 0; i < 8; i++) {
            client.send("more");
            pass(Duration.ofMillis(i < 5 ? 20 : 300));
        }
        assertThat(client.receiveAllBytes()).hasSize(answer - 1);
    }

    @Test
    void e7_aResetWhileTheServerLingersKeepsTheFirstCause() throws Exception {
        TestServer server = serve(socket -> {
            socket.close();
            return bytes -> {};
        });
        Client client = server.connect();
        assertThat(client.receiveAll()).isEmpty();
        client.reset();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.CLOSED);
    }

    @Test
    void e7_aResetAfterAHalfCloseIsToldAtTheNextWrite() throws Exception {
        TestServer server = serveHalfClosed(atInputEnd(bytes -> {}, socket -> socket.attach("ended")));
        Client client = server.connect().send("x").endOutput();
        Ledger.Book book = server.book(client);
        await().until(() -> book.socket.attachment(String.class) != null);
        client.reset();
        await().until(() -> {
            book.socket.write(bytes("?"));
            return book.closed.isDone();
        });
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(book.bytesReceived).hasValue(1);
    }

    // ---- Peers that vanish ----

    @OfTcp("its process listens on TCP")
    @NotOverTls(NotOverTls.OWN_PROCESS)
    @Test
    @WithoutBystander(IT_COUNTS)
    void e6_aPeerThatVanishesIsFoundByKeepAlive() throws Exception {
        assumeTrue(
                isPossible("unshare", "-n", "sh", "-c", "ip link set lo up && command -v nsenter"),
                "skipped: network namespace refused (needs CAP_SYS_ADMIN, unshare, nsenter and ip)");
        // The process, its peer and the wire between them are in a network namespace, where the wire can be cut.
        List<String> inside = List.of("unshare", "-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh");
        try (ServerProcess server =
                new ServerProcess(inside, List.of(), engine(), ServerProcess.Behaviour.ECHO_KEEP_ALIVE)) {
            List<String> enter = List.of("nsenter", "-n", "-t", "" + server.pid());
            Process peer = server.runBeside(enter, ServerProcess.Peer.class);
            assertThat(peer.inputReader().readLine()).isEqualTo("echoed");
            assertThat(isPossible("nsenter", "-n", "-t", "" + server.pid(), "ip", "link", "set", "lo", "down"))
                    .isTrue();
            assertThat(server.nextLine()).isEqualTo("closed: PEER_UNREACHABLE");
            peer.destroyForcibly();
            assertThat(peer.waitFor(20, SECONDS)).isTrue();
        }
    }

    private static boolean isPossible(String... command) throws Exception {
        if (!Files.isExecutable(Path.of("/usr/bin/" + command[0]))) {
            return false;
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor() == 0;
    }
}
