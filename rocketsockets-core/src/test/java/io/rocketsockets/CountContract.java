package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Group Q: what the server counts is what its clients saw. */
@WithoutBystander(IT_COUNTS)
abstract class CountContract extends EngineContract {
    @OfTcp(OfTcp.RESETS)
    @Test
    void q1_countsAreThoseOfTheClients() throws Exception {
        TestServer server = serve(2, echo());
        List<Client> clients = new ArrayList<>();
        long bytes = 0;
        for (int i = 0; i < 10; i++) {
            Client client = server.connect();
            clients.add(client);
            byte[] message = random(i, 1000 * i + 1);
            assertThat(client.send(message).receiveBytes(message.length)).isEqualTo(message);
            bytes += message.length;
        }
        // A client may have its bytes before the loop has counted them.
        long written = bytes;
        await().until(() -> server.server.stats().bytesWritten() == written);
        ServerStats open = server.server.stats();
        assertThat(open.accepted()).isEqualTo(10);
        assertThat(open.open()).isEqualTo(10);
        assertThat(open.closed()).isEmpty();
        assertThat(List.of(open.bytesRead(), open.bytesWritten())).containsOnly(bytes);
        for (int i = 0; i < 4; i++) {
            clients.get(i).close();
        }
        for (int i = 4; i < 7; i++) {
            clients.get(i).reset();
        }
        server.socket(clients.get(7)).abort();
        await().until(() -> server.server.stats().open() == 2);
        Map<CloseReason, Long> soFar =
                Map.of(CloseReason.PEER_CLOSED, 4L, CloseReason.PEER_RESET, 3L, CloseReason.ABORTED, 1L);
        assertThat(server.server.stats().closed()).isEqualTo(soFar);
        server.server.stop();
        ServerStats end = server.server.stats();
        assertThat(end.closed()).containsAllEntriesOf(soFar).containsEntry(CloseReason.STOPPED, 2L);
        assertThat(end.accepted()).isEqualTo(10);
        assertThat(end.open()).isZero();
        assertThat(List.of(end.bytesRead(), end.bytesWritten())).containsOnly(bytes);
        assertThat(open.open()).as("a snapshot stays as it was").isEqualTo(10);
    }

    @Test
    void countsBeginAnewWithEachRun() throws Exception {
        TestServer server = server();
        assertThat(server.server.stats()).isEqualTo(new ServerStats(0, 0, Map.of(), 0, 0, List.of()));
        for (int run = 0; run < 2; run++) {
            server.start(echo());
            assertThat(server.server.stats().accepted()).isZero();
            server.connect().exchange("x");
            assertThat(server.server.stats().accepted()).isOne();
            assertThat(server.server.stats().bytesRead()).isOne();
            server.server.stop();
        }
    }

    @Test
    void countsCannotBeChanged() throws Exception {
        ServerStats stats = serve(echo()).server.stats();
        assertThatThrownBy(() -> stats.closed().clear()).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> stats.loops().clear()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void openNeverFallsBelowZero() throws Exception {
        TestServer server = serve(2, socket -> {
            socket.abort();
            return bytes -> {};
        });
        CompletableFuture<Void> churn = async(() -> {
            for (int i = 0; i < 1000; i++) {
                try {
                    server.connectBriefly().close();
                } catch (SocketException abortedAlready) {
                    continue;
                }
            }
            return null;
        });
        do {
            ServerStats stats = server.server.stats();
            assertThat(stats.open()).isNotNegative();
            assertThat(stats.loops())
                    .allSatisfy(loop -> assertThat(loop.connections()).isNotNegative());
        } while (!churn.isDone());
        churn.get(20, SECONDS);
    }

    @Test
    void aLoopThatWorksIsBusyAndOneThatWaitsIsNot() throws Exception {
        TestServer server = serve(2, echo());
        Client client = server.connect();
        server.book(client);
        assertThat(server.server.stats().loops())
                .allSatisfy(loop -> assertThat(loop.busyShare()).isBetween(0.0, 1.0));
        CompletableFuture<Void> load = async(() -> {
            byte[] chunk = new byte[1 << 20];
            while (server.server.stats().loops().get(0).busyShare() < 0.2) {
                client.send(chunk);
            }
            client.endOutput();
            return null;
        });
        client.discardAll();
        load.get(20, SECONDS);
        List<ServerStats.Loop> loops = server.server.stats().loops();
        assertThat(loops.get(1).busyShare()).isLessThan(0.1);
        await().until(() -> server.server.stats().loops().get(0).busyShare() < 0.05);
    }

    @Test
    void q1_eachLoopCountsItsBytesAndMoves() throws Exception {
        TestServer server = serve(2, echo());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        assertThat(client.exchange("abc")).isEqualTo("abc");
        socket.moveTo(1);
        await().until(() -> server.server.stats().loops().get(1).movesIn() == 1);
        assertThat(client.exchange("defgh")).isEqualTo("defgh");
        await().until(() -> server.server.stats().bytesWritten() == 8);
        List<ServerStats.Loop> loops = server.server.stats().loops();
        assertThat(loops).extracting(ServerStats.Loop::bytesRead).containsExactly(3L, 5L);
        assertThat(loops).extracting(ServerStats.Loop::bytesWritten).containsExactly(3L, 5L);
        assertThat(loops).extracting(ServerStats.Loop::movesIn).containsExactly(0L, 1L);
        assertThat(loops).extracting(ServerStats.Loop::movesOut).containsExactly(1L, 0L);
    }

    @Test
    void aLoopThatHangsShowsIt() throws Exception {
        CountDownLatch hangs = new CountDownLatch(1);
        CompletableFuture<Void> release = new CompletableFuture<>();
        TestServer server = server(x -> x.stallLimit(Duration.ZERO)).start(socket -> {
            socket.startReading();
            return bytes -> {
                hangs.countDown();
                release.join();
            };
        });
        Client client = server.connect().send("x");
        SocketHandle socket = server.socket(client);
        hangs.await();
        ServerStats.Loop before = server.server.stats().loops().get(0);
        socket.read();
        ServerStats.Loop after = server.server.stats().loops().get(0);
        try {
            assertThat(after.mailboxDepth()).isEqualTo(before.mailboxDepth() + 1);
            await().until(() ->
                    server.server.stats().loops().get(0).longestTurn().compareTo(before.longestTurn()) > 0);
        } finally {
            release.complete(null);
        }
        await().until(() -> server.server.stats().loops().get(0).mailboxDepth() == 0);
        Duration longest = server.server.stats().loops().get(0).longestTurn();
        assertThat(longest).isGreaterThanOrEqualTo(before.longestTurn());
    }

    @Test
    void bytesOfAWriteThatIsCutOffAreCountedAsFarAsTheyGot() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        await().until(() -> server.server.stats().bytesWritten() > 0);
        book.socket.abort();
        book.awaitClosed();
        assertThat(server.server.stats().bytesWritten()).isBetween(1L, MORE_THAN_THE_KERNEL_TAKES - 1L);
    }
}
