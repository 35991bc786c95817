package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Groups F, H, I and Q: what callbacks call and throw, and what is said about it. */
abstract class FaultContract extends EngineContract {
    private static final String SECRET = "s3cr3t-of-the-peer";

    // ---- Calls in callbacks ----

    enum Place {
        OPEN,
        ON_BYTES,
        ON_COMPLETE,
        ON_EXCEPTION,
        ON_INPUT_END,
        ON_CLOSE
    }

    /** That nothing is called back inside a call, and each write ends once, is in the ledger. */
    @ParameterizedTest
    @EnumSource
    void f2_everyCallOnAHandleMayBeMadeInEveryCallback(Place place) throws Exception {
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        TestServer server = server(x -> {}, EndpointConfigurator::halfClose).start(socket -> new SocketSession() {
            {
                at(Place.OPEN);
                socket.startReading();
            }

            private void at(Place here) {
                if (here == place) {
                    callEverything(socket, ended);
                    calls.incrementAndGet();
                }
            }

            @Override
            public void onBytes(ByteBuffer bytes) {
                at(Place.ON_BYTES);
                socket.write(bytes, () -> at(Place.ON_COMPLETE), failure -> {});
            }

            @Override
            public void onInputEnd() {
                at(Place.ON_INPUT_END);
                socket.shutdownOutput();
                socket.write(bytes("late"), () -> {}, failure -> at(Place.ON_EXCEPTION));
            }

            @Override
            public void onClose() {
                at(Place.ON_CLOSE);
            }
        });
        Client client = server.connect().send("x").endOutput();
        assertThat(client.receiveAll()).contains("x").doesNotContain("late");
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(calls).hasValue(1);
        await().untilAsserted(() -> assertThat(ended).hasValue(1));
    }

    /** Every method but those that end the socket, which have their own tests; leaves it reading. */
    private static void callEverything(SocketHandle socket, AtomicInteger ended) {
        assertThat(socket.id()).isNotEmpty();
        assertThat(socket.endpoint()).isEqualTo(TestServer.ENDPOINT);
        assertThat(socket.remoteAddress()).isNotNull();
        assertThat(socket.localAddress()).isNotNull();
        assertThat(socket.unsentBytes()).isNotNegative();
        assertThat(socket.closeReason().isPresent()).isEqualTo(!socket.isOpen());
        socket.timeouts(socket.timeouts());
        socket.messageBegins();
        socket.messageEnds();
        socket.attach(ended);
        assertThat(socket.attachment(AtomicInteger.class)).isSameAs(ended);
        socket.read();
        socket.stopReading();
        socket.startReading();
        socket.write(bytes("w"));
        socket.write(bytes("w"), ended::incrementAndGet, failure -> ended.incrementAndGet());
    }

    // ---- Faults of callbacks ----

    @Test
    void h7_aCallbackThatRecursesWithoutEndLosesItsOwnSocketOnly() throws Exception {
        TestServer server = watched(x -> {}, e -> {}).start(socket -> {
            socket.startReading();
            return bytes -> recurse(socket, 1);
        });
        server.canary();
        for (int i = 0; i < 3; i++) {
            Client client = server.connect().send("x");
            assertThat(client.receiveAll()).isEmpty();
            client.close();
            assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
        }
        assertThat(logs.take("callback threw"))
                .hasSize(3)
                .allSatisfy(line -> assertThat(line).contains("StackOverflowError"));
    }

    /** The deepest call is one of ours. */
    private static long recurse(SocketHandle socket, long depth) {
        return socket.unsentBytes() + recurse(socket, depth + 1) + depth;
    }

    @Test
    void i2_whatTakesAFrameMayThrowAsACallbackMay() throws Exception {
        TestServer server = watched(x -> {}, e -> {}).start(socket -> {
            socket.startReading();
            return Frames.lines(socket, 100, line -> {
                if (text(line).equals("bad")) {
                    throw new IllegalStateException("thrown by the test");
                }
                socket.write(line);
            });
        });
        server.canary();
        Client client = server.connect().send("one\ntwo\nbad\nthree\n");
        assertThat(client.receiveAll()).isEqualTo("onetwo");
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
        assertThat(logs.take("callback threw")).hasSize(1);
    }

    @Test
    void q2_faultsThatPeersProvokeAreLoggedTenTimesASecond() throws Exception {
        TestServer server = watched(x -> {}, e -> {}).start(socket -> {
            socket.startReading();
            return bytes -> {
                throw new IllegalStateException("thrown by the test");
            };
        });
        server.canary();
        long began = System.nanoTime();
        int faults = 300;
        for (int i = 0; i < faults; i++) {
            try (Client client = new Client(server.address())) {
                assertThat(client.send("x").receiveAll()).isEmpty();
            }
        }
        await().until(() -> server.server.stats().closed().getOrDefault(CloseReason.HANDLER_FAILED, 0L) == faults);
        long seconds = 2 + (System.nanoTime() - began) / 1_000_000_000;
        assertThat(logs.take("callback threw")).hasSizeBetween(10, (int) (10 * seconds));
    }

    /** What would have been said is lost, and nothing else is. */
    @Test
    void h10_aLogThatFailsHarmsNobody() throws Exception {
        logs.alsoDebug();
        logs.fail();
        int queueLimit = 1 << 20;
        TestServer server = watched(
                        x -> x.writeQueueLimit(queueLimit)
                                .unsentBytesLimit(queueLimit)
                                .maxConnectionsPerAddress(3),
                        e -> e.timeouts(t -> Timeouts.NONE))
                .start(socket -> {
                    if (socket.remoteAddress().toString().startsWith("/127.0.0.2")) {
                        return bytes -> {}; // asks for nothing
                    }
                    socket.startReading();
                    return bytes -> {
                        throw new IllegalStateException("thrown by the test");
                    };
                });
        server.canary();
        Client fails = server.connect().send("x");
        assertThat(fails.receiveAll()).isEmpty();
        fails.close();
        assertThat(server.book(fails).awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
        for (int round = 0; round < 2; round++) {
            List<Ledger.Book> books = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                books.add(server.book(server.connectFrom("127.0.0.2")));
            }
            assertThat(isRefused(server, "127.0.0.2")).isTrue();
            for (Ledger.Book book : books) {
                write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
                book.awaitTurns();
            }
            assertThat(books.get(0).awaitClosed()).isEqualTo(CloseReason.LIMIT_MEMORY);
            for (Ledger.Book book : books) {
                book.socket.abort();
                book.awaitClosed();
            }
        }
        server.close();
        assertThat(logs.take(""))
                .as("lines that an appender before the broken one got")
                .hasSizeGreaterThan(5);
    }

    // ---- What is not said ----

    /** A peer must not be able to write lines of its own into the log, or to steer a terminal. */
    @Test
    void q3_noControlCharacterOfAPeerIsInALineOfOurs() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            Frames frames = Frames.lines(socket, 50, line -> {
                throw new IllegalStateException("thrown by the test");
            });
            return frames;
        });
        logs.alsoDebug();
        for (String hostile :
                List.of("\r\u001b[31mWARN forged\n", "\u0000\u0007\u0008\n", "\r\nWARN forged", "x\u001b".repeat(50))) {
            Client client = server.connect().send(hostile);
            assertThat(client.receiveAll()).isEmpty();
            client.close();
            server.book(client).awaitClosed();
        }
        assertThat(logs.take(""))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(line.lines().findFirst().orElseThrow())
                        .doesNotContain("forged")
                        .doesNotContainPattern("\\p{Cntrl}"));
    }

    /** Whatever goes wrong, what peers and applications send each other is theirs. */
    @Test
    @WithoutBystander(IT_COUNTS)
    void q4_noContentIsInALogLineOrAText() throws Exception {
        logs.alsoDebug();
        TestServer server = server(x -> x.writeQueueLimit(100_000)).start(socket -> {
            socket.startReading();
            return bytes -> {
                if (text(bytes).endsWith("throw")) {
                    throw new IllegalStateException("thrown by the test");
                }
                socket.write(bytes);
            };
        });
        Client fails = server.connect().send(SECRET + "throw");
        assertThat(fails.receiveAll()).isEmpty();
        fails.close();
        Client full = server.connect();
        assertThat(full.exchange(SECRET)).isEqualTo(SECRET);
        Ledger.Book book = server.book(full);
        write(
                book.socket,
                ByteBuffer.wrap(SECRET.repeat(MORE_THAN_THE_KERNEL_TAKES / SECRET.length())
                        .getBytes()));
        book.awaitBlocked();
        CompletableFuture<Void> refused = write(book.socket, bytes(SECRET));
        await().until(refused::isCompletedExceptionally);
        Throwable failure = refused.handle((done, cause) -> cause).join();
        Client frames = server.connect().send(SECRET);
        book.socket.abort();
        book.awaitClosed();
        frames.reset();
        server.book(fails).awaitClosed();
        server.server.stop();
        assertThat(List.of(
                        book.toString(),
                        failure.toString(),
                        server.server.toString(),
                        server.server.stats().toString()))
                .noneMatch(each -> each.contains(SECRET));
        assertThat(logs.take("")).isNotEmpty().noneMatch(line -> line.contains(SECRET));
    }

    // ---- Callbacks that block ----

    @Test
    void i6_aCallbackThatBlocksHoldsUpItsOwnLoopAndIsReportedOnce() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        TestServer server = server(x -> x.eventLoops(2).stallLimit(Duration.ofMillis(200)))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        if (text(bytes).equals("block")) {
                            awaitQuietly(release);
                        }
                        socket.write(bytes);
                    };
                });
        Client blocked = server.connect();
        Ledger.Book book = server.book(blocked);
        Client other = server.connect();
        assertThat(other.exchange("before")).isEqualTo("before");
        blocked.send("block");
        List<String> lines = new ArrayList<>();
        await().until(() -> lines.addAll(logs.take("is held up: for ")));
        assertThat(other.exchange("during")).isEqualTo("during");
        release.countDown();
        assertThat(blocked.receive(5)).isEqualTo("block");
        assertThat(blocked.exchange("after")).isEqualTo("after");
        assertThat(lines).hasSize(1);
        assertThat(lines.get(0))
                .contains("event loop 0 is held up", "socket=" + book.socket.id(), "awaitQuietly", "stallLimit");
    }

    @Test
    void f8_aLoopThatOnlyWaitsIsNotReported() throws Exception {
        TestServer server = server(x -> x.stallLimit(Duration.ofMillis(250))).start(echo());
        Client client = server.connect();
        long began = System.nanoTime();
        await().until(() -> System.nanoTime() - began > 1_000_000_000);
        assertThat(client.exchange("x")).isEqualTo("x");
        assertThat(logs.take("by its own work")).isEmpty();
    }

    /** By RST, which may come before the connect has returned. */
    private static boolean isRefused(TestServer server, String from) throws IOException {
        try {
            return server.connectFrom(from).isReset();
        } catch (SocketException atOnce) {
            return true;
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }
}
