package io.rocketsockets;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Callbacks on an executor of the application: the contracts in that mode, and what is special about it. */
@Tag("mode")
class BlockingHandlersTest {
    private static final Executor HANDLERS = handlers();

    /** Virtual threads from Java 21 on. */
    private static Executor handlers() {
        try {
            return (Executor)
                    Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        } catch (ReflectiveOperationException older) {
            return Executors.newCachedThreadPool(task -> {
                Thread thread = new Thread(task, "test-handler");
                thread.setDaemon(true);
                return thread;
            });
        }
    }

    private interface Blocking extends EngineUnderTest {
        @Override
        default String engine() {
            return "nio";
        }

        @Override
        default void configure(ServerConfigurator server) {
            server.blockingHandlers(HANDLERS);
        }
    }

    /** Of a contract, tests of what is otherwise by design here: only those are overridden. */
    private static final String OTHERWISE = "callbacks of two sockets run at the same time here, and none on a loop";

    @Nested
    class Read extends ReadContract implements Blocking {
        @Override
        @Disabled(OTHERWISE)
        void c4_stopReadingInTheCallbackOfAnotherSocketEndsDeliveriesAtOnce() {}

        @Override
        @Disabled(OTHERWISE)
        void c10_aBufferIsDeadOnceItsCallbackHasReturned() {}

        @Override
        @Disabled(OTHERWISE)
        void stopReadingForgetsReadsAskedFor() {}
    }

    @Nested
    class Write extends WriteContract implements Blocking {}

    @Nested
    class Close extends CloseContract implements Blocking {}

    @Nested
    class Callbacks extends CallbackContract implements Blocking {}

    @Nested
    class HalfClose extends HalfCloseContract implements Blocking {}

    @Nested
    class Moves extends MoveContract implements Blocking {
        @Override
        @Disabled(OTHERWISE)
        void f1_aMovedSocketIsServedByTheLoopItMovedTo() {}

        @Override
        @Disabled(OTHERWISE)
        void aHotLoopGivesHalfOfItsWorkAway() {}

        @Override
        @Disabled(OTHERWISE)
        void rebalancingCanBeSwitchedOff() {}
    }

    @Nested
    class Counts extends CountContract implements Blocking {
        @Override
        @Disabled(OTHERWISE)
        void aLoopThatHangsShowsIt() {}
    }

    @Nested
    class Itself extends EngineContract implements Blocking {
        private final CompletableFuture<Void> goOn = new CompletableFuture<>();

        /** Works on the first letter of what it is sent until it may go on, unless that is another than b; then echoes. */
        private SocketSessionFactory blocksOnB() {
            return socket -> {
                socket.startReading();
                return bytes -> {
                    if (bytes.get(0) == 'b') {
                        goOn.join();
                    }
                    socket.write(bytes);
                };
            };
        }

        @Test
        void aCallbackThatBlocksHoldsUpNobodyElse() throws Exception {
            TestServer server = serve(blocksOnB());
            Client blocked = server.connect().send("b");
            server.book(blocked).awaitDeliveries(1);
            for (int i = 0; i < 100; i++) {
                assertThat(server.connect().exchange("x")).isEqualTo("x");
            }
            goOn.complete(null);
            assertThat(blocked.receive(1)).isEqualTo("b");
        }

        @Test
        void nothingIsReadWhileACallbackWorks() throws Exception {
            TestServer server = server(x -> x.readBufferSize(1024)).start(blocksOnB());
            Client client = server.connect().send("b");
            Ledger.Book book = server.book(client);
            book.awaitDeliveries(1);
            client.send(new byte[100_000]);
            book.awaitTurns();
            assertThat(book.deliveries).hasValue(1);
            assertThat(server.server.stats().bytesRead()).isLessThanOrEqualTo(1024);
            goOn.complete(null);
            assertThat(client.receiveBytes(100_001)).hasSize(100_001);
        }

        @Test
        void timeInWhichACallbackWorksIsNotHeldAgainstThePeer() throws Exception {
            TestServer server = server(
                            x -> {},
                            e -> e.timeouts(t -> t.read(Duration.ofMillis(200)).idle(Duration.ofMillis(200))))
                    .start(blocksOnB());
            Client client = server.connect().send("b");
            server.book(client).awaitDeliveries(1);
            pass(Duration.ofMillis(600));
            goOn.complete(null);
            assertThat(client.receive(1)).isEqualTo("b");
        }

        @Test
        void theBytesDieWithTheCallback() throws Exception {
            AtomicReference<ByteBuffer> kept = new AtomicReference<>();
            TestServer server = serve(socket -> {
                socket.startReading();
                return bytes -> {
                    kept.set(bytes);
                    socket.write(bytes);
                };
            });
            assertThat(server.connect().exchange("abc")).isEqualTo("abc");
            await().until(() -> !kept.get().hasRemaining());
            assertThatThrownBy(() -> kept.get().get(0)).isInstanceOf(IndexOutOfBoundsException.class);
        }

        @Test
        void aPeerThatEndsItsSideStillGetsTheAnswer() throws Exception {
            TestServer server = serve(blocksOnB());
            Client client = server.connect().send("b").endOutput();
            server.book(client).awaitDeliveries(1);
            server.book(client).awaitTurns();
            goOn.complete(null);
            assertThat(client.receiveAll()).isEqualTo("b");
        }

        @Test
        @WithoutBystander(WithoutBystander.IT_COUNTS)
        void stopWaitsForCallbacksAndDeliversWhatTheyWrite() throws Exception {
            TestServer server = serve(blocksOnB());
            Client client = server.connect().send("b");
            server.book(client).awaitDeliveries(1);
            CompletableFuture<ShutdownReport> stopped = async(server.server::stop);
            await().until(() -> server.server.state() == ServerState.STOPPING);
            server.book(client).awaitTurns();
            assertThat(stopped).isNotDone();
            goOn.complete(null);
            assertThat(client.receiveAll()).isEqualTo("b");
            assertThat(stopped.get(20, SECONDS).drained()).isOne();
        }

        @Test
        void stopWaitsForTheCloseAction() throws Exception {
            AtomicBoolean closed = new AtomicBoolean();
            TestServer server = serve(socket -> session(bytes -> {}, () -> {
                pass(Duration.ofMillis(300));
                closed.set(true);
            }));
            server.book(server.connect());
            server.server.stop();
            assertThat(closed).isTrue();
        }

        @Test
        void stopGivesUpOnACallbackThatHangs() throws Exception {
            TestServer server = serve(blocksOnB());
            Client client = server.connect().send("b");
            Ledger.Book book = server.book(client);
            book.awaitDeliveries(1);
            long began = System.nanoTime();
            ShutdownReport report = server.server.stop(Duration.ofMillis(300));
            assertThat(Duration.ofNanos(System.nanoTime() - began))
                    .isBetween(Duration.ofMillis(300), Duration.ofSeconds(5)); // a busy machine may be slow
            assertThat(report.forced()).isOne();
            assertThat(client.isReset()).isTrue();
            assertThat(logs.take("stopped while callbacks still work: sockets=1"))
                    .hasSize(1);
            goOn.complete(null);
            assertThat(book.awaitClosed()).isEqualTo(CloseReason.STOP_FORCED);
        }

        @Test
        void stopInACallbackIsRefused() throws Exception {
            AtomicReference<SocketServer> self = new AtomicReference<>();
            TestServer server = serve(socket -> {
                socket.startReading();
                return bytes -> self.get().stop();
            });
            self.set(server.server);
            Client client = server.connect().send("x");
            assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
            assertThat(logs.take("callback threw and its socket is closed"))
                    .singleElement()
                    .asString()
                    .contains("server cannot stop", "from another thread");
        }

        @Test
        @WithoutBystander(WithoutBystander.IT_COUNTS)
        void anExecutorThatRefusesClosesTheSocketAndTellsWhatIsDue() throws Exception {
            AtomicBoolean full = new AtomicBoolean();
            AtomicInteger failed = new AtomicInteger();
            TestServer server = server(x -> x.blockingHandlers(task -> {
                        if (full.get()) {
                            throw new RejectedExecutionException("the pool is full");
                        }
                        HANDLERS.execute(task);
                    }))
                    .start(socket -> {
                        socket.startReading();
                        socket.write(
                                ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES),
                                () -> {},
                                cause -> failed.incrementAndGet());
                        return bytes -> {};
                    });
            Client client = server.connect();
            Ledger.Book book = server.book(client);
            book.awaitBlocked();
            // With so much unsent it is not read: the failure comes with the completion of the abort.
            full.set(true);
            book.socket.abort();
            assertThat(book.awaitClosed()).isEqualTo(CloseReason.ABORTED);
            assertThat(failed).hasValue(1);
            Client second = server.connect();
            second.receiveAll();
            await().until(() -> server.server.stats().closed().containsKey(CloseReason.HANDLER_REFUSED));
            // One of the second socket; of the first only when its opening callback had quite come back.
            assertThat(logs.take("the executor of blockingHandlers refused a callback"))
                    .hasSizeBetween(1, 2)
                    .allSatisfy(line -> assertThat(line).contains("socket=", "the pool is full", "more threads"));
            full.set(false);
            Client third = server.connect();
            server.book(third);
        }

        @Test
        void anExecutorThatRunsInTheCallerWorksLikeTheLoop() throws Exception {
            SocketServer server = closeLater(RocketServer.create(x -> x.engine(engine())
                    .eventLoops(1)
                    .blockingHandlers(Runnable::run)
                    .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0))));
            List<String> completed = new ArrayList<>();
            server.start(socket -> {
                socket.startReading();
                return bytes -> socket.write(
                        bytes, () -> completed.add(Thread.currentThread().getName()), cause -> {});
            });
            try (Client client = new Client(server.localAddress("default"))) {
                for (int i = 0; i < 100; i++) {
                    assertThat(client.exchange("x")).isEqualTo("x");
                }
            }
            server.stop();
            assertThat(completed).hasSize(100).containsOnly("rocketsockets-loop-0");
        }

        @Test
        void callbacksOfOneSocketSeeWhatTheEarlierOnesDid() throws Exception {
            int messages = 5_000;
            TestServer server = serve(socket -> {
                int[] sum = new int[1]; // neither volatile nor guarded
                socket.startReading();
                return bytes -> {
                    while (bytes.hasRemaining()) {
                        sum[0] += bytes.get();
                    }
                    socket.write(ByteBuffer.allocate(4).putInt(sum[0]).flip(), () -> sum[0]++, cause -> {});
                };
            });
            Client client = server.connect();
            int expected = 0;
            for (int i = 0; i < messages; i++) {
                client.send(new byte[] {1});
                expected++;
                int answer = ByteBuffer.wrap(client.receiveBytes(4)).getInt();
                assertThat(answer).isBetween(expected, expected + 1); // the last completion may come later
                expected = answer;
                expected++;
            }
        }
    }
}
