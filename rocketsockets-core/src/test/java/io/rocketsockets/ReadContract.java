package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.net.SocketException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Group C: bytes come. */
abstract class ReadContract extends EngineContract {
    // ---- The stream ----

    @Test
    void c1_oneByteSegmentsArriveInOrder() throws Exception {
        TestServer server = serve(discard());
        Client client = server.connect();
        byte[] sent = random(1, 5000);
        for (byte each : sent) {
            client.send(new byte[] {each});
        }
        Ledger.Book book = server.book(client);
        book.awaitReceived(sent.length);
        assertThat(book.received()).isEqualTo(sent);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void c2_segmentsOfRandomSizesAreOneStream(long seed) throws Exception {
        TestServer server = serve(discard());
        Client client = server.connect();
        byte[] sent = random(seed, 4 * 1024 * 1024);
        Random random = new Random(seed);
        for (int at = 0; at < sent.length; ) {
            int size = Math.min(1 + random.nextInt(1 << random.nextInt(18)), sent.length - at);
            client.send(Arrays.copyOfRange(sent, at, at + size));
            at += size;
        }
        Ledger.Book book = server.book(client);
        book.awaitReceived(sent.length);
        assertThat(book.received()).isEqualTo(sent);
    }

    @Test
    void aReadDeliversNoMoreThanTheReadBufferHolds() throws Exception {
        Queue<Integer> sizes = new ConcurrentLinkedQueue<>();
        TestServer server = server(x -> x.readBufferSize(2048)).start(socket -> {
            socket.startReading();
            return bytes -> sizes.add(bytes.remaining());
        });
        Client client = server.connect().send(new byte[100_000]);
        server.book(client).awaitReceived(100_000);
        assertThat(sizes)
                .allSatisfy(size -> assertThat(size).isBetween(1, 2048))
                .contains(2048);
    }

    @OfTcp("a Unix socket has no urgent data")
    @NotOverTls("TLS has no urgent data")
    @Test
    void c12_urgentDataThatHasComeBeforeItIsReadHidesNothingBehindIt() throws Exception {
        CompletableFuture<SocketHandle> opened = new CompletableFuture<>();
        TestServer server = serve(socket -> {
            opened.complete(socket);
            return socket::write;
        });
        Client client = server.connect().send("before ");
        client.socket.sendUrgentData('!');
        client.send("and after");
        server.book(client).awaitTurns();
        opened.get(20, TimeUnit.SECONDS).startReading();
        assertThat(client.receive("before and after".length())).isEqualTo("before and after");
    }

    @OfTcp("a Unix socket has no urgent data")
    @NotOverTls("TLS has no urgent data")
    @Test
    void c12_urgentDataDoesNotBreakTheStream() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect().send("abc");
        client.socket.sendUrgentData('!');
        client.send("def").endOutput();
        assertThat(client.receiveAll()).isEqualTo("abcdef");
    }

    // ---- Reads are pulled ----

    @Test
    void c4_nothingIsDeliveredBeforeItIsAskedFor() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect().send("early");
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(0);
        book.socket.read();
        book.awaitReceived(5);
        assertThat(new String(book.received(), US_ASCII)).isEqualTo("early");
    }

    @Test
    void aReadAskedForWaitsForBytes() throws Exception {
        TestServer server = serve(socket -> {
            socket.read();
            return bytes -> {};
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(0);
        client.send("late");
        book.awaitReceived(4);
    }

    @Test
    void c5_nReadsOfAnyThreadsAreNDeliveries() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        List<CompletableFuture<Void>> askers = IntStream.range(0, 4)
                .mapToObj(n -> async(() -> {
                    for (int i = 0; i < 25; i++) {
                        book.socket.read();
                    }
                    return (Void) null;
                }))
                .toList();
        // One byte at a time, so that each delivery is one byte.
        for (int i = 1; i <= 100; i++) {
            client.send("x");
            book.awaitDeliveries(i);
        }
        for (CompletableFuture<Void> asker : askers) {
            asker.get(20, TimeUnit.SECONDS);
        }
        client.send("one more");
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(100);
    }

    @Test
    void c5_readsAskedForInsideACallbackAddUp() throws Exception {
        TestServer server = serve(socket -> {
            socket.read();
            AtomicInteger deliveries = new AtomicInteger();
            return bytes -> {
                if (deliveries.incrementAndGet() == 1) {
                    socket.read();
                    socket.read();
                }
            };
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        for (int i = 1; i <= 3; i++) {
            client.send("x");
            book.awaitDeliveries(i);
        }
        client.send("x");
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(3);
    }

    @Test
    void aReadWhileReadingStartedDeliversNothingTwice() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            socket.startReading();
            return bytes -> socket.read();
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        for (int i = 1; i <= 20; i++) {
            client.send("x");
            book.awaitDeliveries(i);
        }
        assertThat(book.received()).hasSize(20);
    }

    @Test
    void c4_stopReadingInACallbackEndsDeliveriesAtOnce() throws Exception {
        TestServer server = server(x -> x.readBufferSize(1024)).start(socket -> {
            socket.startReading();
            return bytes -> socket.stopReading();
        });
        Client client = server.connect().send(new byte[100_000]);
        Ledger.Book book = server.book(client);
        for (int i = 1; i <= 5; i++) {
            book.awaitDeliveries(i);
            book.awaitTurns();
            assertThat(book.deliveries).hasValue(i);
            book.socket.startReading();
        }
    }

    @Test
    void c4_stopReadingInTheCallbackOfAnotherSocketEndsDeliveriesAtOnce() throws Exception {
        // Both are ready in the same turn: whichever comes first stops the other.
        List<SocketHandle> sockets = new ArrayList<>();
        TestServer server = serve(socket -> {
            sockets.add(socket);
            return bytes -> sockets.forEach(SocketHandle::stopReading);
        });
        Client one = server.connect();
        Client two = server.connect();
        Ledger.Book first = server.book(one);
        Ledger.Book second = server.book(two);
        for (int i = 1; i <= 20; i++) {
            one.send("x");
            two.send("x");
            first.onLoop(() -> {
                sockets.forEach(SocketHandle::startReading);
                return null;
            });
            int expected = i;
            await().until(() -> first.deliveries.get() + second.deliveries.get() >= expected);
            first.awaitTurns();
            assertThat(first.deliveries.get() + second.deliveries.get()).isEqualTo(i);
        }
    }

    @Test
    void stopReadingForgetsReadsAskedFor() throws Exception {
        TestServer server = serve(socket -> {
            socket.read();
            socket.read();
            socket.stopReading();
            return bytes -> {};
        });
        Client client = server.connect().send("x");
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(0);
        book.socket.read();
        book.awaitDeliveries(1);
    }

    @NotOverTls("its peer is a channel, which cannot block")
    @Test
    void c4_stoppedReadingClosesTheWindow() throws Exception {
        TestServer server = serve(idle());
        Ledger.Book book;
        long sent = 0;
        try (SocketChannel peer = SocketChannel.open(server.address())) {
            book = server.ledger.book(peer.getLocalAddress());
            peer.configureBlocking(false);
            ByteBuffer chunk = ByteBuffer.allocate(64 * 1024);
            int stalled = 0;
            while (stalled < 100) {
                int n = peer.write(chunk.clear());
                sent += n;
                stalled = n == 0 ? stalled + 1 : 0;
                book.awaitTurns();
                assertThat(sent)
                        .as("bytes the kernel takes with nobody reading")
                        .isLessThan(100L << 20);
            }
            assertThat(book.deliveries).hasValue(0);
            book.socket.startReading();
            book.awaitReceived(sent);
        }
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(book.bytesReceived).hasValue(sent);
    }

    @Test
    void c5_startingAndStoppingAtRandomLosesNothing() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        byte[] sent = random(5, 2 * 1024 * 1024);
        CompletableFuture<Client> sending = async(() -> client.send(sent));
        Random random = new Random(5);
        while (book.bytesReceived.get() < sent.length) {
            switch (random.nextInt(3)) {
                case 0 -> book.socket.startReading();
                case 1 -> book.socket.stopReading();
                default -> book.socket.read();
            }
        }
        sending.get(20, TimeUnit.SECONDS);
        assertThat(book.received()).isEqualTo(sent);
    }

    // ---- The buffer ----

    @Test
    void c10_aBufferIsDeadOnceItsCallbackHasReturned() throws Exception {
        List<ByteBuffer> kept = new ArrayList<>();
        Queue<Throwable> touched = new ConcurrentLinkedQueue<>();
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                for (ByteBuffer old : kept) {
                    try {
                        assertDead(old);
                    } catch (Throwable alive) {
                        touched.add(alive);
                    }
                }
                kept.add(bytes);
                socket.write(bytes);
            };
        });
        Client client = server.connect();
        for (int i = 0; i < 50; i++) {
            assertThat(client.exchange("message " + (char) ('A' + i))).isEqualTo("message " + (char) ('A' + i));
        }
        Client other = server.connect();
        other.exchange("another socket");
        assertThat(touched).isEmpty();
        assertThat(kept).hasSize(51).allSatisfy(ReadContract::assertDead);
    }

    private static void assertDead(ByteBuffer buffer) {
        assertThat(buffer.hasRemaining()).isFalse();
        assertThatThrownBy(buffer::get).isInstanceOf(BufferUnderflowException.class);
        assertThatThrownBy(() -> buffer.get(0)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> buffer.put((byte) 1)).isInstanceOf(RuntimeException.class);
        assertThatThrownBy(() -> buffer.duplicate().get()).isInstanceOf(BufferUnderflowException.class);
        assertThatThrownBy(() -> buffer.slice().get()).isInstanceOf(BufferUnderflowException.class);
    }

    @Test
    void whatACallbackDoesToPositionAndLimitMattersToNobody() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                bytes.get();
                bytes.limit(bytes.limit() - 1);
                socket.write(bytes.slice());
                bytes.position(bytes.limit());
            };
        });
        Client client = server.connect();
        for (int i = 0; i < 10; i++) {
            assertThat(client.send("(echo)").receive(4)).isEqualTo("echo");
        }
    }

    // ---- The end of the input ----

    @OfTcp(OfTcp.RESETS)
    @Test
    void c7_aResetIsNeverACleanEnd() throws Exception {
        TestServer server = serve(discard());
        Client client = server.connect().send("data");
        Ledger.Book book = server.book(client);
        book.awaitReceived(4);
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
    }

    @Test
    void c8_allDataComesBeforeTheEnd() throws Exception {
        TestServer server = serve(discard());
        Client client = server.connect();
        byte[] sent = random(8, 3 * 1024 * 1024 + 7);
        client.send(sent).close();
        Ledger.Book book = server.book(client);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(book.received()).isEqualTo(sent);
    }

    @Test
    void c8_dataAndTheEndWaitForTheRead() throws Exception {
        TestServer server = serve(socket -> {
            socket.read();
            return bytes -> socket.read();
        });
        Client client = server.connect();
        client.send("all").close();
        Ledger.Book book = server.book(client);
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(book.received()).hasSize(3);
    }

    @Test
    void e8_anEndThatNobodyReadsIsNoticedWhenReadingStarts() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        client.send("data").close();
        Ledger.Book book = server.book(client);
        book.awaitTurns();
        assertThat(book.socket.isOpen()).isTrue();
        book.socket.startReading();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(book.received()).hasSize(4);
    }

    @Test
    void c14_nothingIsDeliveredAfterClose() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> socket.close();
        });
        Client client = server.connect().send("x");
        Ledger.Book book = server.book(client);
        await().until(() -> !book.socket.isOpen());
        try {
            for (int i = 0; i < 20; i++) {
                client.send(new byte[1000]);
            }
        } catch (SocketException notWaitedFor) {
            assertThat(notWaitedFor).hasMessageNotContaining("timed out");
        }
        client.close();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.CLOSED);
        assertThat(book.deliveries).hasValue(1);
    }

    // ---- Fairness ----

    @Test
    void c9_aLoudPeerLeavesOthersTheirTurn() throws Exception {
        TestServer server = serve(discardOrEcho());
        Client loud = server.connect().send("L");
        CompletableFuture<Void> blasting = async(() -> {
            byte[] chunk = new byte[1024 * 1024];
            try {
                while (true) {
                    loud.send(chunk);
                }
            } catch (SocketException closed) {
                return (Void) null;
            }
        });
        Client canary = server.connect().send("E");
        server.book(loud).awaitReceived(10L << 20);
        long slowest = 0;
        for (int i = 0; i < 50; i++) {
            long before = System.nanoTime();
            assertThat(canary.exchange("canary")).isEqualTo("canary");
            slowest = Math.max(slowest, System.nanoTime() - before);
        }
        loud.close();
        blasting.get(20, TimeUnit.SECONDS);
        assertThat(slowest).isLessThan(TimeUnit.SECONDS.toNanos(1));
    }

    /** All have more to send than is read of them; what the quiet one sends meanwhile is not read after all of that. */
    @Test
    @WithoutBystander(WithoutBystander.IT_STALLS)
    @NotOverTls(NotOverTls.NEEDS_THE_LOOP)
    void c9_manyLoudPeersLeaveAQuietOneItsTurn() throws Exception {
        AtomicLong loudBytes = new AtomicLong();
        AtomicLong atDelivery = new AtomicLong();
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                if (bytes.get(bytes.position()) == 'L') {
                    loudBytes.addAndGet(bytes.remaining());
                } else {
                    atDelivery.set(loudBytes.get());
                    socket.write(bytes);
                }
            };
        });
        byte[] much = new byte[1 << 20];
        Arrays.fill(much, (byte) 'L');
        Client quiet = server.connect();
        List<Client> loud = new ArrayList<>();
        for (int i = 0; i < 128; i++) {
            Client each = server.connect();
            server.book(each); // it is there before the loop is held
            loud.add(each);
        }
        CountDownLatch goOn = new CountDownLatch(1);
        CompletableFuture<Boolean> holding =
                async(() -> server.book(quiet).onLoop(() -> goOn.await(20, TimeUnit.SECONDS)));
        List<CompletableFuture<Client>> sending = new ArrayList<>();
        for (Client each : loud) {
            each.send(Arrays.copyOf(much, 32 * 1024)); // the kernel has room for that
            sending.add(async(() -> each.send(much)));
        }
        goOn.countDown();
        assertThat(holding.get(20, TimeUnit.SECONDS)).isTrue();
        long total = loud.size() * (much.length + 32 * 1024L);
        long before = 0;
        for (int i = 0; i < 15; i++) {
            long atSend = loudBytes.get();
            assertThat(quiet.exchange("quiet")).isEqualTo("quiet");
            before += atDelivery.get() - atSend;
        }
        assertThat(before).as("bytes of the others before 15 messages").isLessThan(total / 3);
        for (CompletableFuture<Client> each : sending) {
            each.get(20, TimeUnit.SECONDS);
        }
        await().untilAsserted(() -> assertThat(loudBytes.get()).isEqualTo(total));
    }

    /** The first byte of a connection says which. */
    private static SocketSessionFactory discardOrEcho() {
        return socket -> {
            socket.startReading();
            return bytes -> {
                if (socket.attachment(Boolean.class) == null) {
                    socket.attach(bytes.get() == 'E');
                }
                if (socket.attachment(Boolean.class)) {
                    socket.write(bytes);
                }
            };
        };
    }
}
