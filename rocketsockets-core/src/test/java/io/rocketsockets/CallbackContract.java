package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Groups F and I: threads, order, and what callbacks may do to the loop. */
abstract class CallbackContract extends EngineContract {
    // ---- Order and threads ----

    @Test
    void twoCallbacksAreAllAnApplicationNeeds() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        SocketServer server = closeLater(RocketServer.create(x -> x.engine(engine())
                .eventLoops(2)
                .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0))));
        server.start(
                socket -> {
                    events.add("connected " + socket.id());
                    socket.startReading();
                    return () -> events.add("closed " + socket.id());
                },
                (id, bytes) -> {
                    events.add("received " + id + " " + text(bytes));
                    server.socket(id).orElseThrow().write(bytes);
                });
        try (Client client = new Client(server.localAddress("default"))) {
            assertThat(client.exchange("one")).isEqualTo("one");
            assertThat(client.exchange("two")).isEqualTo("two");
        }
        await().until(() -> events.size() == 4);
        String id = events.element().substring("connected ".length());
        assertThat(events)
                .containsExactly(
                        "connected " + id, "received " + id + " one", "received " + id + " two", "closed " + id);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void theCloseActionMayBeNull() throws Exception {
        SocketServer server = closeLater(RocketServer.create(x -> x.engine(engine())
                .eventLoops(1)
                .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0))));
        server.start(
                socket -> {
                    socket.startReading();
                    return null;
                },
                (id, bytes) -> {});
        new Client(server.localAddress("default")).close();
        await().until(() -> server.stats().closed().containsKey(CloseReason.PEER_CLOSED));
    }

    @Test
    void f1_callbacksOfASocketStayOnItsLoopUnderLoad() throws Exception {
        // What is asserted is in the ledger: own loop, one at a time, never inside a call.
        TestServer server = serve(2, socket -> {
            socket.startReading();
            return bytes -> {
                socket.write(bytes);
                write(socket, bytes("!"));
            };
        });
        List<CompletableFuture<Void>> load = IntStream.range(0, 8)
                .mapToObj(n -> async(() -> {
                    Client client = server.connect();
                    SocketHandle socket = server.socket(client);
                    for (int i = 0; i < 200; i++) {
                        socket.read();
                        socket.write(bytes("?"));
                        client.send("x");
                        String reply = "";
                        while (reply.length() < 3) {
                            reply += client.receive(1);
                        }
                        assertThat(reply).isIn("?x!", "x!?");
                    }
                    return (Void) null;
                }))
                .toList();
        for (CompletableFuture<Void> each : load) {
            each.get(40, SECONDS);
        }
        assertThat(server.ledger.books()).hasSize(8);
    }

    @Test
    void f6_aFloodOfCallsLeavesSocketsTheirTurn() throws Exception {
        TestServer server = serve(echo());
        Client canary = server.connect();
        SocketHandle socket = server.socket(server.connect());
        AtomicInteger replies = new AtomicInteger();
        CountDownLatch flooding = new CountDownLatch(1);
        CompletableFuture<Void> flood = async(() -> {
            for (int i = 0; i < 1_000_000; i++) {
                socket.stopReading();
                if (i == 10_000) {
                    flooding.countDown();
                }
            }
            return null;
        });
        flooding.await();
        do {
            assertThat(canary.exchange("canary")).isEqualTo("canary");
            replies.incrementAndGet();
        } while (!flood.isDone());
        flood.get();
        assertThat(replies).hasValueGreaterThan(1);
    }

    // ---- Callbacks that throw ----

    enum Callback {
        OPEN,
        ON_BYTES,
        ON_COMPLETE,
        ON_EXCEPTION,
        ON_CLOSE
    }

    enum Fault {
        RUNTIME_EXCEPTION(() -> new IllegalStateException("thrown by the test")),
        SNEAKY_CHECKED(() -> new Exception("thrown by the test")),
        ERROR(() -> new Error("thrown by the test")),
        ASSERTION_ERROR(() -> new AssertionError("thrown by the test")),
        STACK_OVERFLOW(Fault::overflow),
        OUT_OF_MEMORY(() -> new OutOfMemoryError("thrown by the test")),
        LINKAGE_ERROR(() -> new NoClassDefFoundError("thrown by the test")),
        THREAD_DEATH_LIKE(() -> new Error("thrown by the test", null) {
            private static final long serialVersionUID = 1;

            @Override
            public synchronized Throwable fillInStackTrace() {
                return this;
            }
        }),
        UNPRINTABLE(() -> new RuntimeException() {
            private static final long serialVersionUID = 1;

            @Override
            public String getMessage() {
                throw new IllegalStateException("no message either");
            }

            @Override
            public String toString() {
                throw new IllegalStateException("no text either");
            }
        }),
        CYCLIC_CAUSE(() -> {
            Exception inner = new Exception("inner");
            Exception outer = new Exception("thrown by the test", inner);
            inner.initCause(outer);
            return outer;
        });

        private final Supplier<Throwable> cause;

        Fault(Supplier<Throwable> cause) {
            this.cause = cause;
        }

        void raise() {
            Fault.<RuntimeException>raise(cause.get());
        }

        @SuppressWarnings("unchecked")
        private static <T extends Throwable> void raise(Throwable cause) throws T {
            throw (T) cause;
        }

        private static Throwable overflow() {
            try {
                return deeper(0);
            } catch (StackOverflowError overflow) {
                return overflow;
            }
        }

        private static Throwable deeper(int depth) {
            return depth < 0 ? new Error("never so deep") : deeper(depth + 1);
        }
    }

    @ParameterizedTest
    @EnumSource
    @WithoutBystander(IT_COUNTS)
    void i1_aCallbackThatThrowsClosesItsSocketAndNothingElse(Callback callback) throws Exception {
        for (Fault fault : Fault.values()) {
            AtomicInteger opened = new AtomicInteger();
            TestServer server = serve(socket -> {
                // The first is the canary, the second the one that is thrown at.
                if (opened.incrementAndGet() == 1) {
                    return echo().open(socket);
                }
                socket.startReading();
                if (callback == Callback.OPEN) {
                    fault.raise();
                }
                return session(
                        bytes -> {
                            switch (callback) {
                                case ON_BYTES -> fault.raise();
                                case ON_COMPLETE -> socket.write(bytes, fault::raise, failure -> {});
                                case ON_EXCEPTION -> {
                                    socket.shutdownOutput();
                                    socket.write(bytes, () -> {}, failure -> fault.raise());
                                }
                                default -> socket.close();
                            }
                        },
                        () -> {
                            if (callback == Callback.ON_CLOSE) {
                                fault.raise();
                            }
                        });
            });
            Client canary = server.connect();
            assertThat(canary.exchange("canary")).isEqualTo("canary");
            Client client = server.connect();
            if (callback != Callback.OPEN) {
                client.send("x");
            }
            assertThat(client.receiveAll()).isIn("", "x");
            client.close();
            await().until(() -> server.server.stats().open() == 1);
            assertThat(server.server.stats().closed())
                    .containsOnlyKeys(callback == Callback.ON_CLOSE ? CloseReason.CLOSED : CloseReason.HANDLER_FAILED);
            assertThat(canary.exchange("canary")).isEqualTo("canary");
            String id = server.book(client).socket.id();
            // On an executor the close action comes after the socket was counted as closed.
            List<String> lines = await().until(() -> logs.take("socket=" + id), taken -> !taken.isEmpty());
            assertThat(lines).as("%s", fault).hasSize(1);
            if (fault != Fault.STACK_OVERFLOW && fault != Fault.UNPRINTABLE) {
                assertThat(lines.get(0)).contains("thrown by the test").contains("endpoint=test");
            }
        }
    }

    @Test
    void i1_whatWasWrittenBeforeTheFaultIsDelivered() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                socket.write(ByteBuffer.wrap(random(1, MORE_THAN_THE_KERNEL_TAKES)));
                throw new IllegalStateException("after the write");
            };
        });
        Client client = server.connect().send("x");
        assertThat(client.receiveAllBytes()).isEqualTo(random(1, MORE_THAN_THE_KERNEL_TAKES));
        client.close();
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.HANDLER_FAILED);
        assertThat(logs.take("callback threw")).hasSize(1);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void i5_callbacksThatThrowAlwaysLeaveNothing() throws Exception {
        TestServer server = serve(2, socket -> {
            socket.read();
            return session(
                    bytes -> {
                        throw new IllegalStateException("always");
                    },
                    () -> {
                        throw new IllegalStateException("always");
                    });
        });
        for (int i = 0; i < 300; i++) {
            try (Client client = server.connect().send("x")) {
                assertThat(client.receiveAll()).isEmpty();
            }
        }
        await().until(() -> server.server.stats().open() == 0);
        assertThat(server.server.stats().closed()).hasSize(1).containsEntry(CloseReason.HANDLER_FAILED, 300L);
        assertThat(logs.take("callback threw")).hasSizeBetween(1, 300);
        assertThat(logs.take("close action threw")).hasSizeBetween(1, 300);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void aFactoryThatGivesNoSessionClosesTheSocket() throws Exception {
        SocketServer server = closeLater(RocketServer.create(x -> x.engine(engine())
                .eventLoops(1)
                .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0))));
        server.start((SocketSessionFactory) socket -> null);
        try (Client client = new Client(server.localAddress("default"))) {
            assertThat(client.receiveAll()).isEmpty();
        }
        await().until(() -> server.stats().closed().containsKey(CloseReason.HANDLER_FAILED));
        assertThat(logs.take("SocketSessionFactory.open returned null").size()
                        + logs.take("callback threw").size())
                .isOne();
    }

    @ParameterizedTest
    @EnumSource(names = "ON_CLOSE", mode = EnumSource.Mode.EXCLUDE)
    void f7_aCallbackThatInterruptsItsThreadDoesNoHarm(Callback callback) throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            Thread.currentThread().interrupt();
            return bytes -> {
                if (callback != Callback.OPEN) {
                    Thread.currentThread().interrupt();
                }
                socket.write(
                        bytes,
                        () -> {
                            if (callback == Callback.ON_COMPLETE) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        failure -> {});
            };
        });
        Client client = server.connect();
        for (int i = 0; i < 1000; i++) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
        // A loop whose thread stays interrupted never waits.
        Ledger.Book book = server.book(client);
        book.onLoop(() -> {
            Thread.currentThread().interrupt();
            return null;
        });
        await().until(() -> book.onLoop(() -> !Thread.currentThread().isInterrupted()));
        assertThat(server.ledger.reasons()).isEmpty();
    }

    @Test
    void f7_interruptsFromOutsideDoNoHarm() throws Exception {
        TestServer server = serve(echo());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        Thread loop = book.onLoop(Thread::currentThread);
        CompletableFuture<Void> interrupting = async(() -> {
            for (int i = 0; i < 100_000; i++) {
                loop.interrupt();
            }
            return null;
        });
        do {
            assertThat(client.exchange("x")).isEqualTo("x");
        } while (!interrupting.isDone());
        interrupting.get();
        assertThat(client.exchange("x")).isEqualTo("x");
    }

    // ---- The handle ----

    @Test
    void oneObjectIsAttachedToASocket() throws Exception {
        TestServer server = serve(idle());
        SocketHandle socket = server.socket(server.connect());
        assertThat(socket.attachment(Object.class)).isNull();
        socket.attach("text");
        assertThat(socket.attachment(String.class)).isEqualTo("text");
        assertThat(socket.attachment(CharSequence.class)).isEqualTo("text");
        assertThatThrownBy(() -> socket.attachment(Integer.class)).isInstanceOf(ClassCastException.class);
        socket.attach(null);
        assertThat(socket.attachment(String.class)).isNull();
    }

    @Test
    void aConnectionOfWhichNothingIsAskedIsReportedOnceARun() throws Exception {
        TestServer server = server();
        for (int run = 0; run < 2; run++) {
            server.start(idle());
            List<Client> clients = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                Client client = server.connect();
                server.book(client).awaitTurns();
                clients.add(client);
            }
            assertThat(logs.take("nothing is asked of a new connection"))
                    .singleElement()
                    .asString()
                    .contains("WARN", "endpoint=test", "call read() or startReading()");
            server.server.stop();
        }
    }

    @Test
    void aConnectionThatIsReadOrWrittenOrClosedIsNotReported() throws Exception {
        List<SocketSessionFactory> applications = List.of(
                echo(),
                socket -> {
                    socket.read();
                    return bytes -> {};
                },
                socket -> {
                    socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
                    return bytes -> {};
                },
                socket -> {
                    socket.close();
                    return bytes -> {};
                });
        for (SocketSessionFactory application : applications) {
            TestServer server = serve(application);
            server.book(server.connect()).awaitTurns();
            assertThat(logs.take("nothing is asked")).isEmpty();
        }
    }
}
