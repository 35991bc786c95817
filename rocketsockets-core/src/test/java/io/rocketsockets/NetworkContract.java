package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group P: the network between a peer and the server. {@link InNamespace} runs these where it may be broken. */
@ExtendWith(InNamespace.class)
@Tag("long")
abstract class NetworkContract extends EngineContract {
    private static final Duration A_WHILE = Duration.ofMillis(1500);
    private static final Duration TIMEOUT = Duration.ofSeconds(1);

    private TestServer server;
    private BadPath path;

    /** One loop, so that the canary is beside whoever comes on the bad path. */
    private void serveOnABadPath(Consumer<EndpointConfigurator> endpoint, SocketSessionFactory application)
            throws Exception {
        server =
                watched(x -> {}, e -> endpoint.accept(e.bindTo(BadPath.SERVER))).start(application);
        path = closeLater(new BadPath(server.address()));
        server.canary();
    }

    private Client connect() throws IOException {
        return closeLater(new Client(path.address()));
    }

    private Ledger.Book book(Client client) {
        return server.ledger.book(asSeenByServer(client.address()));
    }

    private static SocketAddress asSeenByServer(SocketAddress client) {
        return new InetSocketAddress(BadPath.PEER, ((InetSocketAddress) client).getPort());
    }

    /** Both ways at once, compared at both ends. */
    private CompletableFuture<Void> echoes(Client client, int count) {
        Ledger.Book book = book(client);
        int before = book.received().length;
        byte[] sent = random(count, count);
        return async(() -> {
            CompletableFuture<Client> sending = async(() -> client.send(sent));
            byte[] echoed = client.receiveBytes(count);
            sending.get();
            byte[] received = book.received();
            assertThat(Arrays.mismatch(received, before, received.length, sent, 0, count))
                    .as("first byte that the server received and was not sent")
                    .isEqualTo(-1);
            assertThat(Arrays.mismatch(echoed, sent))
                    .as("first byte that differs in the echo")
                    .isEqualTo(-1);
            return null;
        });
    }

    private static void finish(CompletableFuture<Void> stream) throws Exception {
        stream.get(45, TimeUnit.SECONDS);
    }

    private void endsCleanly(Client client) throws Exception {
        client.endOutput();
        assertThat(client.receiveAll()).isEmpty();
        assertThat(book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        onlyTheCanaryIsLeft();
    }

    private void onlyTheCanaryIsLeft() {
        await().until(() -> server.server.stats().open() == 1);
    }

    // ---- Packets that are lost, doubled, late or broken ----

    @ParameterizedTest
    @CsvSource({"1, 1000000", "10, 300000", "30, 50000"})
    void p1_aStreamIsWholeWhereSomePercentOfThePacketsAreLost(int percent, int bytes) throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        long before = BadPath.counter("RetransSegs");
        path.fault("numgen random mod 100 < " + percent + " drop");
        finish(echoes(client, bytes));
        path.heal();
        assertThat(BadPath.counter("RetransSegs")).as("segments sent again").isGreaterThan(before);
        endsCleanly(client);
    }

    @Test
    void p3_aStreamIsWholeWherePacketsOvertakeEachOther() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        long before = BadPath.counter("TCPOFOQueue");
        path.reorder(10);
        finish(echoes(client, 500_000));
        path.hasSlowedSome();
        path.heal();
        assertThat(BadPath.counter("TCPOFOQueue")).as("segments out of order").isGreaterThan(before);
        endsCleanly(client);
    }

    @Test
    void p3_aStreamIsWholeWherePacketsComeTwice() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        long before = BadPath.counter("TCPDSACKOldSent");
        path.faultAfter("numgen random mod 100 < 20 dup to 10.0.1.1 device bad");
        finish(echoes(client, 500_000));
        path.heal();
        assertThat(BadPath.counter("TCPDSACKOldSent")).as("doubled segments").isGreaterThan(before);
        endsCleanly(client);
    }

    @Test
    void p4_aStreamIsWholeWhereChecksumsTellWhichPacketsAreBroken() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        path.carryChecksums();
        long before = BadPath.counter("InCsumErrors");
        path.fault("numgen random mod 100 < 10 tcp checksum set 1");
        finish(echoes(client, 300_000));
        path.heal();
        assertThat(BadPath.counter("InCsumErrors")).as("broken segments").isGreaterThan(before);
        endsCleanly(client);
    }

    // ---- Narrow paths ----

    @ParameterizedTest
    @CsvSource({"8, 2, 1000", "1000, 2, 100000", "1000000, 1000, 10000000"})
    void p5_aStreamIsWholeAtAnyRate(int kilobits, int kilobytesAtOnce, int bytes) throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        path.rate(kilobits + "kbit", kilobytesAtOnce + "kb");
        finish(echoes(client, bytes));
        path.heal();
        endsCleanly(client);
    }

    @Test
    void p6_aStreamIsWholeInSegmentsOf88Bytes() throws Exception {
        serveOnABadPath(e -> {}, echo());
        path.fault("tcp flags syn tcp option maxseg size set 88");
        Client client = connect();
        long before = BadPath.counter("OutSegs");
        finish(echoes(client, 100_000));
        assertThat(BadPath.counter("OutSegs") - before).as("segments").isGreaterThan(2 * 100_000 / 88);
        endsCleanly(client);
    }

    @Test
    void p6_aStreamIsWholeOnALinkOf576Bytes() throws Exception {
        serveOnABadPath(e -> {}, echo());
        path.mtuOfLink(576);
        Client client = connect();
        long before = BadPath.counter("OutSegs");
        finish(echoes(client, 200_000));
        assertThat(BadPath.counter("OutSegs") - before).as("segments").isGreaterThan(2 * 200_000 / 576);
        endsCleanly(client);
    }

    @Test
    void p6_aStreamIsWholeInPacketsOf68Bytes() throws Exception {
        serveOnABadPath(e -> {}, echo());
        path.mtuOfRoute(68);
        Client client = connect();
        long before = BadPath.counter("FragCreates");
        finish(echoes(client, 20_000));
        assertThat(BadPath.counter("FragCreates")).as("fragments").isGreaterThan(before);
        endsCleanly(client);
    }

    // ---- Paths that end ----

    @Test
    void p7_aStreamGoesOnAfterABlackHole() throws Exception {
        goesOnAfter(A_WHILE, "drop");
    }

    @Test
    @Tag("long")
    void p7_aStreamGoesOnAfterTenSecondsOfABlackHole() throws Exception {
        goesOnAfter(Duration.ofSeconds(10), "drop");
    }

    private void goesOnAfter(Duration time, String rule) throws Exception {
        serveOnABadPath(e -> {}, echo());
        goesOnAfter(connect(), time, rule);
    }

    private void goesOnAfter(Client client, Duration time, String rule) throws Exception {
        finish(echoes(client, 100_000));
        path.fault(rule);
        CompletableFuture<Void> stream = echoes(client, 1_000_000);
        pass(time);
        assertThat(stream).as("the stream on a path with: %s", rule).isNotDone();
        path.heal();
        finish(stream);
        endsCleanly(client);
    }

    @Test
    void p7_aSilentSocketInABlackHoleEndsByItsTimeout() throws Exception {
        serveOnABadPath(e -> e.timeouts(t -> Timeouts.NONE.idle(TIMEOUT)), echo());
        Client client = connect();
        finish(echoes(client, 100_000));
        path.fault("drop");
        client.send("lost");
        assertThat(book(client).awaitClosed()).isEqualTo(CloseReason.TIMEOUT_IDLE);
        onlyTheCanaryIsLeft();
        assertThat(book(client).bytesReceived).hasValue(100_000);
    }

    @Test
    void p7_aStreamIntoABlackHoleEndsByItsTimeout() throws Exception {
        serveOnABadPath(e -> {}, echo());
        aStreamEndsByItsTimeout("drop");
    }

    /** The server sends, the client takes all until the path breaks; what is lost is told. */
    private void aStreamEndsByItsTimeout(String rule) throws Exception {
        Client client = connect();
        finish(echoes(client, 1000));
        Ledger.Book book = book(client);
        book.socket.timeouts(Timeouts.NONE.write(TIMEOUT));
        path.fault(rule);
        CompletableFuture<Long> taken = async(client::discardAll);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.TIMEOUT_WRITE);
        assertThat(write).isCompletedExceptionally();
        onlyTheCanaryIsLeft();
        client.close();
        assertThatThrownBy(() -> taken.get(20, TimeUnit.SECONDS)).hasCauseInstanceOf(IOException.class);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void p8_aStreamGoesOnAfterAPathWasOpenOneWayOnly(int way) throws Exception {
        serveOnABadPath(e -> {}, echo());
        goesOnAfter(connect(), A_WHILE, blocked(way));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void p8_aStreamOnAPathThatIsOpenOneWayOnlyEndsByItsTimeout(int way) throws Exception {
        serveOnABadPath(e -> {}, echo());
        aStreamEndsByItsTimeout(blocked(way));
    }

    private String blocked(int way) {
        return way == 0 ? path.toServer("drop") : path.fromServer("drop");
    }

    @Test
    void p8_aStreamIsWholeOnALinkThatFlaps() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        path.rate("20mbit", "20kb"); // the link is to fail in the midst of it
        CompletableFuture<Void> stream = echoes(client, 1_000_000);
        for (int i = 0; i < 3; i++) {
            path.down();
            pass(Duration.ofMillis(200));
            assertThat(stream).isNotDone();
            path.up();
            pass(Duration.ofMillis(100));
        }
        path.heal();
        finish(stream);
        endsCleanly(client);
    }

    // ---- Paths that answer ----

    @Test
    void p9_aResetFromThePathIsToldAsSuch() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        finish(echoes(client, 100_000));
        path.fault(path.fromServer("reject with tcp reset"));
        client.send("x");
        assertThat(book(client).awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        onlyTheCanaryIsLeft();
    }

    @Test
    void p9_aResetFromThePathFailsWhatIsQueued() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        Ledger.Book book = book(client);
        CompletableFuture<Void> write = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        path.fault(path.fromServer("reject with tcp reset"));
        CompletableFuture<Long> taken = async(client::discardAll); // its window opens, and the server sends
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(write).isCompletedExceptionally();
        client.close();
        assertThatThrownBy(() -> taken.get(20, TimeUnit.SECONDS)).hasCauseInstanceOf(IOException.class);
        onlyTheCanaryIsLeft();
    }

    @Test
    void p10_aStreamGoesOnAfterItsHostWasUnreachable() throws Exception {
        goesOnAfter(A_WHILE, "reject with icmp type host-unreachable");
    }

    @Test
    void p10_aHostThatStaysUnreachableIsFoundByKeepAlive() throws Exception {
        serveOnABadPath(e -> e.keepAlive(Duration.ofSeconds(1), Duration.ofSeconds(1), 2), echo());
        Client client = connect();
        finish(echoes(client, 1000));
        path.fault("reject with icmp type host-unreachable");
        assertThat(book(client).awaitClosed()).isEqualTo(CloseReason.PEER_UNREACHABLE);
        onlyTheCanaryIsLeft();
    }

    /** Its idle connection is not ended by it, one that waits for an acknowledgement is. */
    @Test
    void e6_aPeerThatAcknowledgesNothingIsGivenUpAfterTheUserTimeout() throws Exception {
        try {
            serveOnABadPath(e -> e.userTimeout(TIMEOUT), echo());
        } catch (ServerStartException refusal) {
            abort("skipped: " + refusal.getMessage());
        }
        Client client = connect();
        finish(echoes(client, 1000));
        Ledger.Book book = book(client);
        path.fault("drop");
        book.socket.write(bytes("lost"));
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_UNREACHABLE);
        onlyTheCanaryIsLeft();
    }

    @Test
    void p10_anUnreachableHostCostsNothing() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client client = connect();
        finish(echoes(client, 1000));
        path.fault(path.fromServer("reject with icmp type host-unreachable"));
        client.send("x");
        book(client).awaitReceived(1001);
        assertThat(spins()).as("share of a core").isLessThan(0.02);
        path.heal();
        assertThat(client.receive(1)).isEqualTo("x");
        endsCleanly(client);
    }

    // ---- Connections ----

    /** As behind a NAT that gives the addresses and ports of one that is gone to the next. */
    @Test
    void p14_aNewConnectionOfTheSameAddressesAndPortsIsNotMixedWithTheOld() throws Exception {
        serveOnABadPath(e -> {}, echo());
        Client gone = connect();
        finish(echoes(gone, 100_000));
        Ledger.Book old = book(gone);
        path.fault("drop");
        gone.reset(); // of which the server does not hear
        path.heal();
        InetSocketAddress again = (InetSocketAddress) gone.address();
        InetSocketAddress to = (InetSocketAddress) path.address();
        try (Socket socket = new Socket(to.getAddress(), to.getPort(), again.getAddress(), again.getPort())) {
            assertThat(old.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
            socket.setSoTimeout(Client.PATIENCE_MILLIS);
            socket.getOutputStream().write(bytes("new").array());
            assertThat(socket.getInputStream().readNBytes(3)).asString().isEqualTo("new");
        }
        await().until(() -> server.ledger.reasons().containsKey(CloseReason.PEER_CLOSED));
        assertThat(old.bytesReceived).hasValue(100_000);
        assertThat(server.ledger.bytesReceived()).isEqualTo(100_003);
        onlyTheCanaryIsLeft();
    }

    /** The loop itself is held, so there is no canary. */
    @Test
    void p15_whoFindsTheBacklogFullIsServedLater() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        server = server(
                        x -> x.stallLimit(Duration.ZERO),
                        e -> e.bindTo(BadPath.SERVER).backlog(4))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        held.countDown();
                        await().until(() -> goOn.getCount() == 0);
                        socket.write(bytes);
                    };
                });
        path = closeLater(new BadPath(server.address()));
        Client first = connect().send("x");
        held.await();
        long before = BadPath.counter("ListenOverflows");
        List<CompletableFuture<String>> replies = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            String text = "client " + i;
            replies.add(async(() -> {
                try (Client client = new Client(path.address())) {
                    return client.exchange(text);
                }
            }));
        }
        await().until(() -> BadPath.counter("ListenOverflows") > before);
        goOn.countDown();
        assertThat(first.receive(1)).isEqualTo("x");
        for (int i = 0; i < replies.size(); i++) {
            assertThat(replies.get(i).get(20, TimeUnit.SECONDS)).isEqualTo("client " + i);
        }
        endsCleanly(first);
    }
}
