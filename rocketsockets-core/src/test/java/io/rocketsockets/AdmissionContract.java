package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.ConnectionLimits.Surplus;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Group B: how many connections are let in, and what becomes of the others. */
@WithoutBystander(IT_COUNTS)
abstract class AdmissionContract extends EngineContract {
    private static final Duration A_WHILE = Duration.ofMillis(200);

    /** Whether the server resets one more connection; the RST may come before the connect has returned. */
    static boolean isRefused(SocketAddress address) throws IOException {
        try (Client client = new Client(address)) {
            return client.isReset();
        } catch (SocketException reset) {
            return true;
        }
    }

    private static long closed(TestServer server, CloseReason reason) {
        return server.server.stats().closed().getOrDefault(reason, 0L);
    }

    // ---- As many as are let in ----

    @Test
    void b7_peersBeyondTheMaximumWaitAndAreServedInOrderWhenOthersLeave() throws Exception {
        TestServer server = server(x -> x.maxConnections(2)).start(echo());
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            clients.add(server.connect().send("x"));
        }
        for (int i = 0; i < 2; i++) {
            assertThat(clients.get(i).receive(1)).isEqualTo("x");
        }
        for (int leaving = 0; leaving < 4; leaving++) {
            for (Client waiting : clients.subList(leaving + 2, 6)) {
                waiting.hearsNothingFor(Duration.ofMillis(20));
            }
            assertThat(server.server.stats().accepted()).isEqualTo(leaving + 2);
            clients.get(leaving).close();
            assertThat(clients.get(leaving + 2).receive(1)).isEqualTo("x");
        }
        assertThat(server.server.stats().closed()).containsOnlyKeys(CloseReason.PEER_CLOSED);
    }

    @Test
    void b7_peersBeyondTheMaximumAreRefusedWhenTheyAreNotToWait() throws Exception {
        TestServer server = server(x -> x.maxConnections(2).surplusConnections(Surplus.REFUSE))
                .start(echo());
        Client first = server.connect();
        first.exchange("x");
        Client second = server.connect();
        second.exchange("x");
        for (int i = 0; i < 5; i++) {
            assertThat(isRefused(server.address())).isTrue();
        }
        await().until(() -> closed(server, CloseReason.LIMIT_CONNECTIONS) == 5);
        assertThat(server.ledger.books()).as("connections with a session").hasSize(2);
        List<String> lines = logs.take("connection refused");
        assertThat(lines)
                .hasSize(5)
                .allSatisfy(line ->
                        assertThat(line).contains("endpoint=test", "peer=/127.0.0.1:", "reason=LIMIT_CONNECTIONS"));
        first.close();
        await().until(() -> server.server.stats().open() == 1);
        assertThat(server.connect().exchange("y")).isEqualTo("y");
    }

    @Test
    void b7_anEndpointHasAMaximumOfItsOwn() throws Exception {
        TestServer server = server(
                        x -> x.surplusConnections(Surplus.REFUSE)
                                .addEndpoint("other", e -> e.bindTo("127.0.0.1").port(0)),
                        e -> e.maxConnections(1))
                .start(echo());
        Client first = server.connect();
        first.exchange("x");
        assertThat(isRefused(server.address())).isTrue();
        for (int i = 0; i < 3; i++) {
            assertThat(server.connectTo("other").exchange("x")).isEqualTo("x");
        }
        first.close();
        await().until(() -> server.server.stats().open() == 3);
        assertThat(server.connect().exchange("y")).isEqualTo("y");
        assertThat(logs.take("connection refused")).hasSize(1);
    }

    // ---- Reloading ----

    /** As the server under test was configured, with other limits. */
    private ServerConfiguration limits(Consumer<ServerConfigurator> options, Consumer<EndpointConfigurator> endpoint) {
        return ServerConfiguration.of(x -> {
            x.engine(engine()).eventLoops(1).addEndpoint(TestServer.ENDPOINT, endpoint);
            options.accept(x);
        });
    }

    @Test
    void n4_aRaisedMaximumLetsThoseInWhoWait() throws Exception {
        TestServer server = server(x -> x.maxConnections(1)).start(echo());
        server.connect().exchange("x");
        Client waits = server.connect().send("y");
        waits.hearsNothingFor(A_WHILE);
        server.server.reload(limits(x -> x.maxConnections(2), e -> {}));
        assertThat(waits.receive(1)).isEqualTo("y");
        Client third = server.connect().send("z");
        third.hearsNothingFor(A_WHILE);
        server.server.reload(limits(x -> {}, e -> {}));
        assertThat(third.receive(1)).isEqualTo("z");
    }

    @Test
    void n4_aMaximumThatComesCountsThoseThatAreOpen() throws Exception {
        TestServer server = server(x -> x.surplusConnections(Surplus.REFUSE)).start(echo());
        Client first = server.connect();
        first.exchange("x");
        server.connect().exchange("x");
        server.server.reload(limits(x -> x.surplusConnections(Surplus.REFUSE), e -> e.maxConnections(2)));
        assertThat(isRefused(server.address())).isTrue();
        first.close();
        await().until(() -> server.server.stats().open() == 1);
        assertThat(server.connect().exchange("x")).isEqualTo("x");
        logs.take("connection refused");
    }

    @Test
    void n4_aLimitPerAddressComesAndGoesAndComes() throws Exception {
        TestServer server = server().start(echo());
        Client before = server.connect();
        before.exchange("x");
        for (int i = 0; i < 3; i++) {
            server.server.reload(limits(x -> x.maxConnectionsPerAddress(1), e -> {}));
            Client counted = server.connect();
            counted.exchange("x");
            assertThat(isRefused(server.address())).isTrue();
            server.server.reload(limits(x -> {}, e -> {}));
            counted.close();
            await().until(() -> server.server.stats().open() == 1);
        }
        assertThat(before.exchange("x")).isEqualTo("x");
        logs.take("connection refused");
    }

    @Test
    void n4_timeoutsChangeForNewConnectionsOnly() throws Exception {
        TestServer server = server().start(echo());
        Client old = server.connect();
        old.exchange("x");
        server.server.reload(limits(x -> {}, e -> e.timeouts(t -> t.idle(Duration.ofMillis(200)))));
        assertThat(server.server.isResponsive(Duration.ofSeconds(20))).isTrue();
        Client young = server.connect();
        young.exchange("x");
        assertThat(young.read()).as("FIN").isNegative();
        young.close();
        await().until(() -> closed(server, CloseReason.TIMEOUT_IDLE) == 1);
        assertThat(old.exchange("x")).isEqualTo("x");
    }

    @Test
    void n4_whatCannotChangeWaitsForTheNextStart() throws Exception {
        TestServer server = server().start(echo());
        server.server.reload(limits(
                x -> x.eventLoops(2)
                        .addEndpoint("more", e -> e.bindTo("127.0.0.1").port(0)),
                e -> e.bindTo("127.0.0.1").port(0)));
        assertThat(server.connect().exchange("x")).isEqualTo("x");
        assertThat(server.server.stats().loops()).hasSize(1);
        server.server.stop();
        server.start(echo());
        assertThat(server.server.stats().loops()).hasSize(2);
        assertThat(server.connectTo("more").exchange("x")).isEqualTo("x");
    }

    @Test
    void b7_endpointsShareTheMaximumOfTheServer() throws Exception {
        TestServer server = server(x -> x.eventLoops(2)
                        .maxConnections(2)
                        .addEndpoint("other", e -> e.bindTo("127.0.0.1").port(0)))
                .start(echo());
        Client one = server.connect();
        one.exchange("x");
        Client two = server.connectTo("other");
        two.exchange("x");
        Client waitsHere = server.connect().send("y");
        Client waitsThere = server.connectTo("other").send("y");
        waitsHere.hearsNothingFor(A_WHILE);
        waitsThere.hearsNothingFor(A_WHILE);
        one.close();
        two.close();
        assertThat(waitsHere.receive(1)).isEqualTo("y");
        assertThat(waitsThere.receive(1)).isEqualTo("y");
    }

    /** Whoever leaves and whoever comes meet on different loops: none may wait for ever, none be one too many. */
    @Test
    void b7_nobodyWaitsForEverHoweverOthersComeAndGo() throws Exception {
        int most = 2;
        AtomicInteger open = new AtomicInteger();
        AtomicInteger seen = new AtomicInteger();
        TestServer server = server(x -> x.eventLoops(3)
                        .maxConnections(most)
                        .addEndpoint("other", e -> e.bindTo("127.0.0.1").port(0)))
                .start(socket -> {
                    seen.accumulateAndGet(open.incrementAndGet(), Math::max);
                    socket.startReading();
                    return session(socket::write, open::decrementAndGet);
                });
        List<CompletableFuture<Void>> peers = IntStream.range(0, 6)
                .mapToObj(n -> async(() -> {
                    SocketAddress address = n % 2 == 0 ? server.address() : server.server.localAddress("other");
                    for (int i = 0; i < 200; i++) {
                        try (Client client = new Client(address)) {
                            assertThat(client.exchange("x")).isEqualTo("x");
                        }
                    }
                    return (Void) null;
                }))
                .toList();
        for (CompletableFuture<Void> peer : peers) {
            peer.get(40, SECONDS);
        }
        assertThat(seen.get()).as("sessions open at once").isLessThanOrEqualTo(most);
    }

    /** One leaves on one loop at the moment when one comes on another; nobody else comes who would wake the latter. */
    @Test
    void b7_whoComesWhileTheLastOneLeavesIsServed() throws Exception {
        TestServer server = server(x -> x.eventLoops(2)
                        .maxConnections(1)
                        .addEndpoint("other", e -> e.bindTo("127.0.0.1").port(0)))
                .start(echo());
        SocketAddress other = server.server.localAddress("other");
        for (int round = 0; round < 1500; round++) {
            try (Client leaving = new Client(server.address())) {
                leaving.exchange("x");
                CompletableFuture<Integer> coming = async(() -> {
                    try (Client client = new Client(other)) {
                        return client.send("x").read();
                    }
                });
                long moment = System.nanoTime() + round % 50 * 5000;
                while (System.nanoTime() - moment < 0) {
                    Thread.onSpinWait();
                }
                leaving.endOutput();
                assertThat(coming.get(10, SECONDS)).isEqualTo('x');
            }
            await().until(() -> server.server.stats().open() == 0);
        }
    }

    @Test
    void b8_theMaximumOfAnAddressHoldsForThatAddressOnly() throws Exception {
        TestServer server =
                server(x -> x.eventLoops(2).maxConnectionsPerAddress(2)).start(echo());
        List<Client> local = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            local.add(server.connectFrom("127.0.0.2"));
            local.get(i).exchange("x");
        }
        for (int i = 0; i < 3; i++) {
            try {
                assertThat(server.connectFrom("127.0.0.2").isReset()).isTrue();
            } catch (SocketException alreadyReset) {
                assertThat(alreadyReset).hasMessageContaining("reset");
            }
            assertThat(server.connectFrom("127.0.0." + (3 + i)).exchange("x")).isEqualTo("x");
        }
        await().until(() -> closed(server, CloseReason.LIMIT_ADDRESS) == 3);
        assertThat(logs.take("connection refused"))
                .hasSize(3)
                .allSatisfy(line -> assertThat(line).contains("peer=/127.0.0.2:", "reason=LIMIT_ADDRESS"));
        local.forEach(client -> server.socket(client).abort());
        await().until(() -> server.server.stats().open() == 3);
        for (int i = 0; i < 2; i++) {
            assertThat(server.connectFrom("127.0.0.2").exchange("y")).isEqualTo("y");
        }
    }

    @Test
    void b9_connectionsBeyondTheAcceptRateWait() throws Exception {
        TestServer server = server(x -> x.acceptRate(20)).start(echo());
        long began = System.nanoTime();
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 15; i++) {
            clients.add(server.connect().send("x"));
        }
        for (Client client : clients) {
            assertThat(client.receive(1)).isEqualTo("x");
        }
        // 3 at once, then one each 50 ms.
        assertThat(Duration.ofNanos(System.nanoTime() - began))
                .isBetween(Duration.ofMillis(550), Duration.ofSeconds(3));
        assertThat(server.server.stats().accepted()).isEqualTo(15);
    }

    @Test
    void b9_connectionsBeyondTheAcceptRateAreRefusedWhenTheyAreNotToWait() throws Exception {
        TestServer server =
                server(x -> x.acceptRate(10).surplusConnections(Surplus.REFUSE)).start(echo());
        int served = 0;
        for (int i = 0; i < 30; i++) {
            served += isServed(server) ? 1 : 0;
        }
        int refused = 30 - served;
        await().until(() -> closed(server, CloseReason.LIMIT_ACCEPT_RATE) == refused);
        assertThat(served).isPositive();
        assertThat(refused).isPositive();
        assertThat(logs.take("reason=LIMIT_ACCEPT_RATE")).isNotEmpty();
        await().until(() -> isServed(server));
        logs.take("reason=LIMIT_ACCEPT_RATE");
    }

    private static boolean isServed(TestServer server) throws IOException {
        try {
            return server.connect().exchange("x").equals("x");
        } catch (IOException refused) {
            return false;
        }
    }

    /** A loop that was held up is behind in time; the others must not make it pay for that. */
    @Tag("long")
    @Test
    void b9_aLoopThatWasHeldUpAcceptsAtTheSameRate() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        TestServer server = server(x -> x.eventLoops(2)
                        .acceptRate(100)
                        .addEndpoint("other", e -> e.bindTo("127.0.0.1").port(0)))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        if (text(bytes).equals("hold")) {
                            held.countDown();
                            pass(Duration.ofSeconds(8));
                        }
                        socket.write(bytes);
                    };
                });
        Client holder = server.connect().send("hold");
        held.await();
        assertThat(holder.receive(4)).isEqualTo("hold");
        // Accepted by the other loop, the first of the two served by it too.
        assertThat(server.connectTo("other").exchange("x")).isEqualTo("x");
        long began = System.nanoTime();
        assertThat(server.connect().exchange("x")).isEqualTo("x");
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(3));
    }

    @ParameterizedTest
    @EnumSource
    void b7_stopEndsThoseWhoWait(Surplus surplus) throws Exception {
        TestServer server =
                server(x -> x.maxConnections(1).surplusConnections(surplus)).start(echo());
        Client served = server.connect();
        served.exchange("x");
        List<CompletableFuture<Boolean>> others = IntStream.range(0, 5)
                .mapToObj(n -> async(() -> {
                    try {
                        return server.connect().receiveAll().isEmpty();
                    } catch (SocketException reset) {
                        return true;
                    }
                }))
                .toList();
        served.hearsNothingFor(A_WHILE);
        CompletableFuture<ShutdownReport> stopped = async(() -> server.server.stop());
        assertThat(served.receiveAll()).isEmpty();
        served.close();
        assertThat(stopped.get(20, SECONDS)).isEqualTo(ShutdownReport.DRAINED);
        for (CompletableFuture<Boolean> other : others) {
            assertThat(other.get(20, SECONDS)).isTrue();
        }
        assertThat(server.ledger.books()).hasSize(1);
        logs.take("connection refused");
    }

    @Test
    void b7_aPeerThatLeftWhileItWaitedDoesNoHarm() throws Exception {
        TestServer server = server(x -> x.maxConnections(1)).start(echo());
        Client served = server.connect();
        served.exchange("x");
        for (int i = 0; i < 5; i++) {
            server.connect().reset();
            server.connect().close();
        }
        Client patient = server.connect().send("y");
        served.close();
        assertThat(patient.receive(1)).isEqualTo("y");
    }

    // ---- What is said about it ----

    @Test
    void q2_refusalsAreLoggedTenTimesASecondAndTheRestIsCounted() throws Exception {
        TestServer server = server(x -> x.maxConnections(1).surplusConnections(Surplus.REFUSE))
                .start(echo());
        Client served = server.connect();
        served.exchange("x");
        long began = System.nanoTime();
        int refused = 300;
        for (int i = 0; i < refused; i++) {
            assertThat(isRefused(server.address())).isTrue();
        }
        await().until(() -> closed(server, CloseReason.LIMIT_CONNECTIONS) == refused);
        long seconds = 2 + Duration.ofNanos(System.nanoTime() - began).toSeconds();
        List<String> lines = new ArrayList<>(logs.take("connection refused"));
        assertThat(lines).hasSizeBetween(10, (int) (10 * seconds));
        pass(Duration.ofMillis(1100)); // the next line says how many were left out
        assertThat(isRefused(server.address())).isTrue();
        await().until(() -> closed(server, CloseReason.LIMIT_CONNECTIONS) == refused + 1);
        lines.addAll(logs.take("connection refused"));
        int leftOut = lines.stream()
                .filter(line -> line.contains(" lines like this were left out"))
                .mapToInt(line -> Integer.parseInt(line.replaceAll("(?s).*\\((\\d+) lines like this.*", "$1")))
                .sum();
        assertThat(lines.size() + leftOut).isEqualTo(refused + 1);
    }

    // ---- The system's own limits ----

    @Test
    void b1_outOfDescriptorsNewPeersAreRefusedWhenTheyAreNotToWait() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/prlimit")), "skipped: no prlimit (apt install util-linux)");
        try (ServerProcess server = new ServerProcess(
                        List.of(), List.of(), engine(), ServerProcess.Behaviour.ECHO_REFUSING_SURPLUS);
                Client canary = new Client(server.address())) {
            assertThat(canary.exchange("before")).isEqualTo("before");
            server.limitDescriptors(server.highestDescriptor() + 1);
            List<CompletableFuture<Boolean>> served = IntStream.range(0, 20)
                    .mapToObj(n -> async(() -> isServed(server.address())))
                    .toList();
            assertThat(server.nextLine()).contains("cannot accept for 100 ms: endpoint=default", "refused=");
            assertThat(canary.exchange("during")).isEqualTo("during");
            int refused = 0;
            for (CompletableFuture<Boolean> each : served) {
                refused += each.get(20, SECONDS) ? 0 : 1;
            }
            // The JVM may have given a descriptor back that it had open when the limit was set: that one serves
            // somebody.
            assertThat(refused).isGreaterThanOrEqualTo(10);
            server.limitDescriptors(1000);
            await().until(() -> isServed(server.address()));
            assertThat(canary.exchange("after")).isEqualTo("after");
        }
    }

    /** Answered, or else reset; a peer that is left waiting is neither. */
    private static boolean isServed(SocketAddress address) throws IOException {
        try (Client client = new Client(address)) {
            return client.exchange("x").equals("x");
        } catch (SocketTimeoutException leftWaiting) {
            throw leftWaiting;
        } catch (IOException refused) {
            return false;
        }
    }

    // ---- What accepted sockets are set to ----

    @Test
    void b13_theKernelProbesAPeerWhereKeepAliveIsConfigured() throws Exception {
        Path ss = Path.of("/usr/bin/ss");
        assumeTrue(Files.isExecutable(ss), "skipped: no ss (apt install iproute2)");
        TestServer with = server(x -> {}, e -> e.keepAlive(Duration.ofSeconds(77), Duration.ofSeconds(5), 3))
                .start(echo());
        with.connect().exchange("x");
        assertThat(sockets(ss, with)).containsPattern("timer:\\(keepalive,1min1?[0-9]sec");
        TestServer without = serve(echo());
        without.connect().exchange("x");
        assertThat(sockets(ss, without)).contains("ESTAB").doesNotContain("keepalive");
    }

    @Test
    void b13_aUserTimeoutIsSetOrTheStartSaysWhoCanSetIt() throws Exception {
        TestServer server = server(x -> {}, e -> e.userTimeout(Duration.ofSeconds(30)));
        try {
            server.start(echo());
        } catch (ServerStartException refusal) {
            Golden.assertMessage("user-timeout-" + engine(), refusal.getMessage());
            assertThat(server.server.state()).isEqualTo(ServerState.STOPPED);
            return;
        }
        assertThat(server.connect().exchange("x")).isEqualTo("x");
    }

    private static String sockets(Path ss, TestServer server) throws Exception {
        int port = ((InetSocketAddress) server.address()).getPort();
        Process process = new ProcessBuilder(ss.toString(), "-tino", "sport", "=", ":" + port)
                .redirectErrorStream(true)
                .start();
        return new String(process.getInputStream().readAllBytes(), UTF_8);
    }

    /** With Nagle's algorithm the second write waits for the acknowledgement of the first, some 40 ms. */
    @Test
    void b13_aSmallWriteDoesNotWaitForTheAcknowledgementOfTheOneBefore() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> socket.write(bytes("a"), () -> socket.write(bytes("b")), failure -> {});
        });
        Client client = server.connect();
        Queue<Long> nanos = new ConcurrentLinkedQueue<>();
        for (int i = 0; i < 41; i++) {
            long began = System.nanoTime();
            assertThat(client.send("x").receive(2)).isEqualTo("ab");
            nanos.add(System.nanoTime() - began);
        }
        long median = nanos.stream().sorted().skip(20).findFirst().orElseThrow();
        assertThat(Duration.ofNanos(median)).isLessThan(Duration.ofMillis(20));
    }
}
