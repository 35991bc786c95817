package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Group B: connections come. */
abstract class AcceptContract extends EngineContract {
    @Test
    @WithoutBystander(IT_COUNTS)
    void aConnectionIsGivenInTurnToEveryLoop() throws Exception {
        TestServer server = serve(3, echo());
        for (int i = 0; i < 9; i++) {
            server.book(server.connect());
        }
        assertThat(server.server.stats().loops())
                .extracting(ServerStats.Loop::number, ServerStats.Loop::connections)
                .containsExactly(tuple(0, 3), tuple(1, 3), tuple(2, 3));
    }

    @Test
    void aHandleKnowsItsEndpointAndAddressesAlsoAfterTheClose() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        for (int i = 0; i < 2; i++) {
            assertThat(socket.endpoint()).isEqualTo(TestServer.ENDPOINT);
            assertThat(socket.remoteAddress()).isEqualTo(client.address());
            assertThat(socket.localAddress()).isEqualTo(server.address());
            client.close();
            server.book(client).awaitClosed();
        }
    }

    /** Also of many that are accepted at once, each of which came to an address of its own. */
    @Test
    void aConnectionToAWildcardKnowsWhereItArrived() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        TestServer server = server(
                        x -> x.addEndpoint("everywhere", e -> e.bindToAll().port(0)))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        await().until(() -> goOn.getCount() == 0);
                        InetSocketAddress local = (InetSocketAddress) socket.localAddress();
                        socket.write(bytes(local.getAddress().getHostAddress()));
                    };
                });
        Client first = server.connectTo("everywhere", "127.0.0.1").send("?");
        server.ledger.book(first.address()).awaitReceived(1);
        Map<Client, String> hosts = new HashMap<>(Map.of(first, "127.0.0.1"));
        for (int i = 2; i <= 40; i++) {
            String host = "127.0.0." + i;
            hosts.put(server.connectTo("everywhere", host).send("?"), host);
        }
        goOn.countDown();
        for (Map.Entry<Client, String> each : hosts.entrySet()) {
            assertThat(each.getKey().receive(each.getValue().length())).isEqualTo(each.getValue());
        }
    }

    @Test
    void idsAreUniqueAcrossServers() throws Exception {
        Set<String> ids = new HashSet<>();
        for (int i = 0; i < 2; i++) {
            TestServer server = serve(2, echo());
            for (int k = 0; k < 20; k++) {
                ids.add(server.socket(server.connect()).id());
            }
        }
        assertThat(ids).hasSize(40);
    }

    @Test
    void anOpenSocketIsFoundByItsIdFromAnyThread() throws Exception {
        TestServer server = serve(2, echo());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        assertThat(server.server.socket(socket.id()).orElseThrow().remoteAddress())
                .isEqualTo(client.address());
        server.server.socket(socket.id()).orElseThrow().write(bytes("found"));
        assertThat(client.receive(5)).isEqualTo("found");
        assertThat(server.server.socket("no such id")).isEmpty();
        client.close();
        server.book(client).awaitClosed();
        assertThat(server.server.socket(socket.id())).isEmpty();
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls(NotOverTls.NEEDS_THE_LOOP)
    void b5_aPeerThatResetsBeforeItIsAcceptedDoesNoHarm() throws Exception {
        CountDownLatch blocks = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                blocks.countDown();
                await().until(() -> goOn.getCount() == 0);
                socket.write(bytes);
            };
        });
        Client canary = server.connect().send("x");
        blocks.await();
        for (int i = 0; i < 50; i++) {
            server.connect().reset();
        }
        goOn.countDown();
        assertThat(canary.receive(1)).isEqualTo("x");
        assertThat(canary.exchange("y")).isEqualTo("y");
        // Those that were accepted have a book each, which says whether connected and close action ran once.
        await().until(() -> server.server.stats().open() == 1);
        assertThat(server.ledger.reasons().keySet()).isSubsetOf(CloseReason.PEER_RESET);
    }

    /** The kernel hands over a connection that has been reset in the backlog, with its peer's address. */
    @Test
    @WithoutBystander(IT_COUNTS)
    @NotOverTls(NotOverTls.NEEDS_THE_LOOP)
    void b12_aPeerThatIsGoneBeforeItIsAcceptedStillHasItsAddress() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        Queue<SocketAddress> addresses = new ConcurrentLinkedQueue<>();
        TestServer server = serve(socket -> {
            addresses.add(socket.remoteAddress());
            assertThat(socket.localAddress()).isNotNull();
            assertThat(socket.toString()).contains(socket.remoteAddress().toString());
            socket.startReading();
            return bytes -> await().until(() -> goOn.getCount() == 0);
        });
        Client blocks = server.connect().send("x");
        server.book(blocks).awaitReceived(1);
        List<SocketAddress> gone = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            Client client = server.connect();
            gone.add(client.address());
            client.reset();
        }
        goOn.countDown();
        blocks.close();
        await().until(() -> server.server.stats().open() == 0);
        assertThat(addresses).startsWith(blocks.address());
        assertThat(gone).containsAll(addresses.stream().skip(1).toList());
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void b6_aBurstOfAThousandConnectionsIsServed() throws Exception {
        TestServer server = serve(2, echo());
        List<CompletableFuture<Integer>> bursts = IntStream.range(0, 4)
                .mapToObj(n -> async(() -> {
                    List<Client> clients = new ArrayList<>();
                    for (int i = 0; i < 250; i++) {
                        clients.add(server.connect());
                    }
                    int served = 0;
                    for (Client client : clients) {
                        served += client.exchange("x").length();
                    }
                    return served;
                }))
                .toList();
        for (CompletableFuture<Integer> burst : bursts) {
            assertThat(burst.get(30, TimeUnit.SECONDS)).isEqualTo(250);
        }
        assertThat(server.server.stats().open()).isEqualTo(1000);
    }

    @Test
    void b10_liveSocketsKeepTheirTurnBesideAStreamOfConnections() throws Exception {
        TestServer server = serve(echo());
        Client canary = server.connect();
        CompletableFuture<Void> churn = async(() -> {
            for (int i = 0; i < 1000; i++) {
                try (Client client = server.connectBriefly()) {
                    client.exchange("x");
                }
            }
            return null;
        });
        int replies = 0;
        do {
            assertThat(canary.exchange("canary")).isEqualTo("canary");
            replies++;
        } while (!churn.isDone());
        churn.get();
        assertThat(replies).isGreaterThan(100);
    }

    @OfTcp("its process listens on TCP")
    @NotOverTls(NotOverTls.OWN_PROCESS)
    @Test
    void b1_outOfDescriptorsLiveSocketsGoOnAndAcceptingResumesOnceThereAreSome() throws Exception {
        Path prlimit = Path.of("/usr/bin/prlimit");
        assumeTrue(Files.isExecutable(prlimit), "skipped: no prlimit (apt install util-linux)");
        // Classes come from files, as they do where the JDK has no archive of them.
        List<String> fromFiles = List.of("-Xshare:off");
        try (ServerProcess server = new ServerProcess(List.of(), fromFiles, engine(), ServerProcess.Behaviour.ECHO);
                Client canary = new Client(server.address())) {
            assertThat(canary.exchange("before")).isEqualTo("before");
            server.limitDescriptors(server.highestDescriptor() + 1);
            List<Client> waiting = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                waiting.add(closeLater(new Client(server.address())));
            }
            // This is also the first line that the process logs: what logging loads then must not need a descriptor.
            assertThat(server.nextLine()).contains("cannot accept for 100 ms: endpoint=default");
            assertThat(canary.exchange("during")).isEqualTo("during");
            Duration cpu = server.cpu();
            assertThat(server.linesUntil("cannot accept for 800 ms"))
                    .as("one line a pause")
                    .isLessThan(10);
            assertThat(server.cpu().minus(cpu)).as("CPU time in 0.7 s").isLessThan(Duration.ofMillis(350));
            assertThat(canary.exchange("still")).isEqualTo("still");
            server.limitDescriptors(1000);
            for (Client client : waiting) {
                assertThat(client.exchange("at last")).isEqualTo("at last");
            }
        }
    }
}
