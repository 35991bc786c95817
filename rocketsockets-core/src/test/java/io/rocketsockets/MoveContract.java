package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Connections that move from loop to loop while their bytes flow. */
abstract class MoveContract extends EngineContract {
    private static final int LOOPS = 3;

    /** A thread that moves every socket of the server to random loops until it is told to stop, and has begun to. */
    private static CompletableFuture<Integer> monkey(TestServer server, AtomicBoolean stop, long seed)
            throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        CompletableFuture<Integer> monkey = async(() -> {
            Random random = new Random(seed);
            int moves = 0;
            while (!stop.get()) {
                for (Ledger.Book book : server.ledger.books()) {
                    book.socket.moveTo(random.nextInt(LOOPS));
                    moves++;
                }
                begun.countDown();
                LockSupport.parkNanos(20_000); // no more than the loops can do
            }
            return moves;
        });
        assertThat(begun.await(20, SECONDS)).as("the monkey moves").isTrue();
        return monkey;
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void f1_aMovedSocketIsServedByTheLoopItMovedTo() throws Exception {
        ConcurrentLinkedQueue<String> threads = new ConcurrentLinkedQueue<>();
        TestServer server = serve(LOOPS, socket -> {
            socket.startReading();
            return session(
                    bytes -> {
                        threads.add(Thread.currentThread().getName());
                        socket.write(bytes);
                    },
                    () -> threads.add("closed on " + Thread.currentThread().getName()));
        });
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        for (int loop : new int[] {2, 1, 1, 0}) {
            socket.moveTo(loop);
            await().until(() -> server.server.stats().loops().get(loop).connections() == 1);
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        client.close();
        server.book(client).awaitClosed();
        await().untilAsserted(() -> assertThat(threads)
                .containsExactly(
                        "rocketsockets-loop-2",
                        "rocketsockets-loop-1",
                        "rocketsockets-loop-1",
                        "rocketsockets-loop-0",
                        "closed on rocketsockets-loop-0"));
    }

    @Test
    void aLoopThatDoesNotExistIsRefused() throws Exception {
        TestServer server = serve(2, echo());
        SocketHandle socket = server.socket(server.connect());
        for (int loop : new int[] {-1, 2}) {
            assertThatThrownBy(() -> socket.moveTo(loop))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("loop=" + loop + " is not within 0 to 1");
        }
    }

    @Test
    void numberedMessagesStayInOrderUnderRandomMoves() throws Exception {
        numberedMessages(8, 20_000);
    }

    @Test
    @Tag("long")
    void tenMillionNumberedMessagesStayInOrderUnderRandomMoves() throws Exception {
        numberedMessages(10, 1_000_000);
    }

    private void numberedMessages(int clients, int messages) throws Exception {
        TestServer server = serve(LOOPS, echo());
        List<Client> connected = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            Client client = server.connect();
            server.book(client);
            connected.add(client);
        }
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 1);
        List<CompletableFuture<Void>> streams = new ArrayList<>();
        for (Client client : connected) {
            streams.add(async(() -> {
                int chunk = 500;
                for (int sent = 0; sent < messages; sent += chunk) {
                    ByteBuffer out = ByteBuffer.allocate(8 * chunk);
                    for (int n = sent; n < sent + chunk; n++) {
                        out.putLong(n);
                    }
                    client.send(out.array());
                    ByteBuffer in = ByteBuffer.wrap(client.receiveBytes(8 * chunk));
                    for (int n = sent; n < sent + chunk; n++) {
                        assertThat(in.getLong()).isEqualTo(n);
                    }
                }
                return null;
            }));
        }
        for (CompletableFuture<Void> stream : streams) {
            stream.get(600, SECONDS);
        }
        stop.set(true);
        assertThat(moves.get(20, SECONDS)).isPositive();
    }

    @Test
    void d1_writesOfAnotherThreadKeepTheirOrderUnderRandomMoves() throws Exception {
        int count = 50_000;
        TestServer server = serve(LOOPS, idle());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 2);
        CompletableFuture<Void> writer = async(() -> {
            CompletableFuture<Void> last = null;
            for (int n = 0; n < count; n++) {
                last = write(socket, ByteBuffer.allocate(8).putLong(n).flip());
                if (n % 1000 == 999) {
                    last.get(20, SECONDS);
                }
            }
            return null;
        });
        ByteBuffer in = ByteBuffer.wrap(client.receiveBytes(8 * count));
        for (int n = 0; n < count; n++) {
            assertThat(in.getLong()).isEqualTo(n);
        }
        writer.get(20, SECONDS);
        stop.set(true);
        moves.get(20, SECONDS);
    }

    @Test
    void d3_whatIsQueuedForASlowPeerMovesAlong() throws Exception {
        TestServer server = serve(LOOPS, idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        byte[] sent = random(3, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Void> written = write(book.socket, ByteBuffer.wrap(sent));
        book.awaitBlocked();
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 3);
        assertThat(client.receiveBytes(sent.length)).isEqualTo(sent);
        written.get(20, SECONDS);
        stop.set(true);
        moves.get(20, SECONDS);
    }

    @Test
    void e3_socketsThatCloseWhileTheyMoveEndOnce() throws Exception {
        TestServer server = serve(LOOPS, echo());
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 4);
        for (int i = 0; i < 500; i++) {
            Client client = server.connect();
            Ledger.Book book = server.book(client);
            assertThat(client.exchange("x")).isEqualTo("x");
            switch (i % 3) {
                case 0 -> client.close();
                case 1 -> {
                    book.socket.close();
                    client.receiveAll();
                    client.close();
                }
                default -> book.socket.abort();
            }
            book.awaitClosed();
        }
        stop.set(true);
        moves.get(20, SECONDS);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void a8_stopWhileSocketsMoveDeliversWhatIsQueued() throws Exception {
        for (int round = 0; round < 20; round++) {
            TestServer server = server(x -> x.eventLoops(LOOPS)).start(idle());
            List<Client> clients = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                clients.add(server.connect());
                server.book(clients.get(i));
            }
            AtomicBoolean stop = new AtomicBoolean();
            CompletableFuture<Integer> moves = monkey(server, stop, round);
            clients.forEach(client -> server.socket(client).write(bytes("last words")));
            ShutdownReport report = server.server.stop();
            assertThat(report.drained()).isEqualTo(10);
            for (Client client : clients) {
                assertThat(client.receiveAll()).isEqualTo("last words");
            }
            stop.set(true);
            moves.get(20, SECONDS);
        }
    }

    @Test
    void g1_deadlinesMoveAlong() throws Exception {
        TestServer server = serve(LOOPS, discard());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 5);
        book.socket.timeouts(Timeouts.NONE.idle(java.time.Duration.ofMillis(300)));
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);
        stop.set(true);
        moves.get(20, SECONDS);
    }

    @Test
    void c5_readingGoesOnAndStopsWhereverTheSocketIs() throws Exception {
        TestServer server = serve(LOOPS, socket -> bytes -> {
            socket.write(bytes);
            socket.read();
        });
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Integer> moves = monkey(server, stop, 6);
        socket.read();
        for (int i = 0; i < 2000; i++) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        stop.set(true);
        moves.get(20, SECONDS);
    }

    // ---- Placement and rebalancing ----

    private static List<Integer> connections(TestServer server) {
        return server.server.stats().loops().stream()
                .map(ServerStats.Loop::connections)
                .toList();
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void newConnectionsGoToEachLoopInTurn() throws Exception {
        TestServer server = serve(LOOPS, idle());
        for (int i = 0; i < 9; i++) {
            server.book(server.connect());
        }
        assertThat(connections(server)).containsExactly(3, 3, 3);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void leastConnectionsFillsUpTheLoopThatHasFewest() throws Exception {
        TestServer server = server(x -> x.eventLoops(2).loadBalancer(LoadBalancer.leastConnections()))
                .start(idle());
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            clients.add(server.connect());
            server.book(clients.get(i));
        }
        assertThat(connections(server)).containsExactly(4, 4);
        for (Client client : clients) {
            server.socket(client).moveTo(0);
        }
        await().until(() -> connections(server).equals(List.of(8, 0)));
        for (int i = 0; i < 8; i++) {
            server.book(server.connect());
        }
        assertThat(connections(server)).containsExactly(8, 8);
    }

    @OfTcp("peers have no address")
    @Test
    @WithoutBystander(IT_COUNTS)
    void oneAddressStaysOnOneLoop() throws Exception {
        TestServer server = server(x -> x.eventLoops(LOOPS).loadBalancer(LoadBalancer.byRemoteAddress()))
                .start(idle());
        for (int i = 0; i < 5; i++) {
            server.book(server.connect());
        }
        assertThat(connections(server)).containsExactlyInAnyOrder(5, 0, 0);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void i2_aLoadBalancerThatFailsCostsNoConnection() throws Exception {
        TestServer server = server(x -> x.eventLoops(2).loadBalancer((peer, loops) -> loops.size()))
                .start(echo());
        assertThat(server.connect().exchange("x")).isEqualTo("x");
        assertThat(logs.take("load balancer failed")).hasSize(1);
    }

    /** As a full heap would: nobody is left half accepted, and its place is free again. */
    @OfTcp(OfTcp.RESETS)
    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls("who is refused does not come to a handshake")
    void i2_aConnectionThatCannotBeMadeIsRefusedAndCounted() throws Exception {
        AtomicInteger picks = new AtomicInteger();
        TestServer server = server(x -> x.eventLoops(2).maxConnections(1).loadBalancer((peer, loops) -> {
                    if (picks.getAndIncrement() == 0) {
                        throw new OutOfMemoryError("test");
                    }
                    return 0;
                }))
                .start(echo());
        assertThat(AdmissionContract.isRefused(server.address())).isTrue();
        assertThat(server.connect().exchange("x")).isEqualTo("x");
        ServerStats stats = server.server.stats();
        assertThat(stats.accepted()).isEqualTo(2);
        assertThat(stats.closed()).isEqualTo(Map.of(CloseReason.ERROR, 1L));
        assertThat(logs.take("cannot take a connection")).hasSize(1);
        assertThat(logs.take("connection refused")).hasSize(1);
    }

    /** Ten connections that work, all on one loop: within moments both loops carry about half of the work. */
    @Test
    @WithoutBystander(IT_COUNTS)
    void aHotLoopGivesHalfOfItsWorkAway() throws Exception {
        rebalances(true);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void rebalancingCanBeSwitchedOff() throws Exception {
        rebalances(false);
    }

    private void rebalances(boolean automatic) throws Exception {
        TestServer server = server(x -> x.eventLoops(2).rebalancing(automatic).loadBalancer((peer, loops) -> 0))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        long until = System.nanoTime() + 500_000; // so that the loop is busier than its peers
                        while (System.nanoTime() < until) {
                            Thread.onSpinWait();
                        }
                        socket.write(bytes);
                    };
                });
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            clients.add(server.connect());
            server.book(clients.get(i));
        }
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Void> load = async(() -> {
            while (!stop.get()) {
                for (Client client : clients) {
                    client.send("x");
                }
                for (Client client : clients) {
                    assertThat(client.receive(1)).isEqualTo("x");
                }
            }
            return null;
        });
        assertThat(connections(server)).containsExactly(10, 0);
        if (automatic) {
            await().until(() ->
                    connections(server).get(1) >= 4 && connections(server).get(1) <= 6);
        } else {
            await().until(() -> server.server.stats().loops().get(0).busyShare() > 0.7);
            assertThat(connections(server)).containsExactly(10, 0);
        }
        stop.set(true);
        load.get(20, SECONDS);
    }
}
