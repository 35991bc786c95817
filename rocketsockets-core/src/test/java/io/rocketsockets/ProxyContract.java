package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Group P: what a {@link FaultProxy} can do to streams, without rights. */
@Tag("long")
abstract class ProxyContract extends EngineContract {
    private TestServer server;
    private FaultProxy proxy;

    private void serveBehind(long seed, FaultProxy.Fault fault) throws Exception {
        server = watched(x -> {}, e -> {}).start(echo());
        server.canary();
        proxy = closeLater(new FaultProxy(server.address(), seed, fault));
    }

    /** And its link. */
    private Client connect() throws Exception {
        int before = proxy.links().size();
        Client client = closeLater(new Client(proxy.address()));
        await().until(() -> proxy.links().size() > before);
        return client;
    }

    private Ledger.Book book(int link) {
        return server.ledger.book(proxy.links().get(link).address());
    }

    private void onlyTheCanaryIsLeft() {
        await().until(() -> server.server.stats().open() == 1);
    }

    private static byte[] echoOf(Client client, byte[] sent) throws Exception {
        CompletableFuture<Client> sending = async(() -> client.send(sent));
        byte[] echoed = client.receiveBytes(sent.length);
        sending.get(20, TimeUnit.SECONDS);
        return echoed;
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 200000", "0, 20, 100000", "500, 100, 4000"})
    void p2_aStreamIsWholeHoweverLateItsBytesAre(int millis, int jitter, int bytes) throws Exception {
        isWholeWithDelays(millis, jitter, bytes);
    }

    @Test
    @Tag("long")
    void p2_aStreamIsWholeTwoSecondsLate() throws Exception {
        isWholeWithDelays(2000, 500, 20_000);
    }

    private void isWholeWithDelays(int millis, int jitter, int bytes) throws Exception {
        serveBehind(bytes, (piece, count, random) -> pass(Duration.ofMillis(millis + random.nextInt(jitter + 1))));
        Client client = connect();
        byte[] sent = random(bytes, bytes);
        assertThat(Arrays.mismatch(echoOf(client, sent), sent))
                .as("first byte that differs in the echo")
                .isEqualTo(-1);
        assertThat(book(0).received()).isEqualTo(sent);
        client.endOutput();
        assertThat(client.receiveAll()).isEmpty();
        assertThat(book(0).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        onlyTheCanaryIsLeft();
    }

    /** No checksum of TCP tells: the application's does, and the other bytes are as they were. */
    @Test
    void p4_aByteThatIsChangedOnItsWayIsDeliveredAsItCame() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        serveBehind(4, (piece, count, random) -> {
            if (random.nextInt(10) == 0 && done.compareAndSet(false, true)) {
                piece[random.nextInt(count)] ^= 1;
            }
        });
        Client client = connect();
        byte[] sent = random(4, 1_000_000);
        byte[] echoed = echoOf(client, sent);
        assertThat(done).isTrue();
        int changed = Arrays.mismatch(echoed, sent);
        assertThat(changed).isNotNegative();
        echoed[changed] ^= 1;
        assertThat(Arrays.mismatch(echoed, sent)).isEqualTo(-1);
        client.close();
        assertThat(book(0).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        onlyTheCanaryIsLeft();
    }

    @Test
    void p13_aHundredConnectionsThatAreCloggedAndFreedAtRandomFinish() throws Exception {
        int count = 100;
        int rounds = 8;
        int size = 8 * 1024;
        long seed = System.nanoTime();
        serveBehind(seed, (piece, length, random) -> {});
        Random random = new Random(seed);
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            clients.add(connect());
        }
        for (int round = 0; round < rounds; round++) {
            for (FaultProxy.Link link : proxy.links()) {
                if (random.nextBoolean()) {
                    link.clog();
                } else {
                    link.free();
                }
            }
            for (int i = 0; i < count; i++) {
                clients.get(i).send(random(seed + i * rounds + round, size));
            }
        }
        assertThat(proxy.links()).as("seed %s", seed).anyMatch(FaultProxy.Link::isClogged);
        proxy.links().forEach(FaultProxy.Link::free);
        for (int i = 0; i < count; i++) {
            for (int round = 0; round < rounds; round++) {
                assertThat(Arrays.mismatch(clients.get(i).receiveBytes(size), random(seed + i * rounds + round, size)))
                        .as("first byte that differs, connection %s, round %s, seed %s", i, round, seed)
                        .isEqualTo(-1);
            }
            clients.get(i).close();
            assertThat(book(i).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
            assertThat(book(i).bytesReceived).hasValue((long) rounds * size);
        }
        onlyTheCanaryIsLeft();
    }
}
