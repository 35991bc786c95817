package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Group J: many connections, and many that go. */
abstract class ScaleContract extends EngineContract {
    private static final int MOST_IDLE = 19_000;

    /** Both ends have a process, whose descriptors this test may use up. */
    @Test
    @Tag("long")
    void j1_asManyIdleConnectionsAsThereAreDescriptorsFitIntoASmallHeap() throws Exception {
        int count = Math.min(MOST_IDLE, descriptorLimit() - 1000);
        List<SocketChannel> idle = new ArrayList<>();
        try (ServerProcess server = new ServerProcess(
                List.of(), List.of("-Xmx64m"), engine(), ServerProcess.Behaviour.ECHO_THAT_NEVER_HURRIES)) {
            Canary canary = closeLater(new Canary(server.address(), 1));
            for (int i = 0; i < count; i++) {
                SocketChannel channel = SocketChannel.open();
                idle.add(channel);
                channel.bind(new InetSocketAddress("127.0.0." + (2 + i % 8), 0));
                channel.connect(server.address());
            }
            ByteBuffer ping = ByteBuffer.allocate(1);
            Collections.shuffle(idle, new Random(1));
            for (SocketChannel channel : idle) {
                channel.write(ping.clear());
                assertThat(channel.read(ping.clear())).isOne();
            }
            canary.close();
            server.endInput();
            // The canary alone has left, of which the server may have heard.
            assertThat(server.lineWith("closed: {")).isIn("closed: {}", "closed: {PEER_CLOSED=1}");
            assertThat(server.seen()).noneMatch(line -> line.contains("OutOfMemoryError"));
        } finally {
            for (SocketChannel channel : idle) {
                channel.close();
            }
        }
    }

    private static int descriptorLimit() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/limits")).stream()
                .filter(line -> line.startsWith("Max open files"))
                .map(line -> line.split("\\s{2,}")[1])
                .mapToInt(soft -> soft.equals("unlimited") ? Integer.MAX_VALUE : Integer.parseInt(soft))
                .findAny()
                .orElseThrow();
    }

    /** What is written to them meets RST, in any state of the connection. */
    @Test
    void j3_peersThatLeaveWithoutTheirAnswerAreNoNews() throws Exception {
        TestServer server = watched(x -> {}, e -> {}).start(echo());
        server.canary();
        byte[] question = random(3, 20_000);
        int peers = 1000;
        for (int i = 0; i < peers; i++) {
            Client client = new Client(server.address());
            client.send(question);
            client.close();
        }
        await().until(() -> server.server.stats().open() == 1);
        assertThat(server.ledger.reasons().keySet()).isSubsetOf(CloseReason.PEER_CLOSED, CloseReason.PEER_RESET);
        assertThat(server.ledger.books()).hasSize(peers);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void j4_someOfManyLongLivedConnectionsAreAbortedAndTheOthersAreWhole() throws Exception {
        TestServer server = server(x -> x.eventLoops(2)).start(echo());
        Random random = new Random(4);
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            clients.add(server.connect());
        }
        long rounds = 10;
        for (int round = 0; round < rounds; round++) {
            byte[] message = random(round, 1 + random.nextInt(5000));
            for (Client client : clients) {
                client.send(message);
            }
            for (Client client : clients) {
                assertThat(client.receiveBytes(message.length)).isEqualTo(message);
            }
            for (int i = 0; i < 3; i++) {
                Client resets = clients.remove(random.nextInt(clients.size()));
                resets.send(message).reset();
                Client isReset = clients.remove(random.nextInt(clients.size()));
                server.socket(isReset).abort();
                server.book(isReset).awaitClosed();
            }
        }
        await().until(() -> server.server.stats().open() == clients.size());
        assertThat(server.server.stats().closed())
                .isEqualTo(Map.of(CloseReason.PEER_RESET, 3 * rounds, CloseReason.ABORTED, 3 * rounds));
        for (Client client : clients) {
            assertThat(client.exchange("still")).isEqualTo("still");
        }
    }
}
