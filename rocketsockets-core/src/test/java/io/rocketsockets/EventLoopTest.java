package io.rocketsockets;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.engine.TransportException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The loop and its connections over a scripted engine: what no kernel does on demand. */
class EventLoopTest {
    private final Logs logs = new Logs();
    private final FakeEngine engine = new FakeEngine();
    private final Ledger ledger = new Ledger();
    private final List<SocketHandle> sockets = new ArrayList<>();
    private EventLoop loop;
    private Connections connections;

    private void start(SocketSessionFactory application) throws Exception {
        start(application, x -> {});
    }

    private void start(SocketSessionFactory application, Consumer<ServerConfigurator> options) throws Exception {
        ServerConfiguration configuration = ServerConfiguration.of(x -> {
            x.addEndpoint("default", e -> e.timeouts(t -> Timeouts.NONE));
            options.accept(x);
        });
        connections = new Connections(configuration, ledger.audit(socket -> {
            sockets.add(socket);
            return application.open(socket);
        }));
        loop = new EventLoop(0, engine, configuration.writeBufferSize(), connections.all());
        loop.start();
        connections.loops.add(loop);
        Acceptor acceptor = onLoop(
                () -> Acceptor.open(configuration.endpoints().get(0), loop, LoadBalancer.roundRobin(), connections));
        onLoop(() -> {
            acceptor.resume();
            return null;
        });
    }

    private <T> T onLoop(Callable<T> task) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                result.complete(task.call());
            } catch (Throwable failure) {
                result.completeExceptionally(failure);
            }
        });
        return result.get(10, SECONDS);
    }

    private FakeTransport accepted() throws Exception {
        FakeTransport transport = new FakeTransport();
        engine.accepts(transport);
        return transport;
    }

    @AfterEach
    void stop() throws Exception {
        try (logs) {
            loop.execute(() -> {
                loop.stopWhenEmpty();
                loop.forEachConnection(connection -> connection.terminate(CloseReason.STOPPED));
            });
            loop.join(SECONDS.toNanos(10));
            assertThat(loop.isAlive()).isFalse();
            assertThat(engine.closed).isTrue();
            ledger.verify();
            logs.assertNothingElse();
        }
    }

    private ServerStats stats() {
        return LoopMeter.sum(List.of(loop.meter), List.of());
    }

    // ---- The receive buffer ----

    @ParameterizedTest
    @ValueSource(ints = {1, 100, 4096, 4097, 20_000, 64 * 1024})
    void c10_whatIsEchoedIsNeverWhatCameAfterIt(int size) throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        Random random = new Random(size);
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int i = 0; i < 50; i++) {
            byte[] message = EngineContract.random(i, size);
            transport.room = random.nextInt(2 * size);
            engine.reads(transport, message);
            expected.writeBytes(message);
            if (transport.sent.size() < expected.size()) {
                transport.room = Integer.MAX_VALUE;
                engine.happens(() -> engine.handlers.get(transport).onWritten(0));
            }
            assertThat(transport.sent.toByteArray()).isEqualTo(expected.toByteArray());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {100, 20_000})
    void c10_whatIsRelayedToABlockedSocketIsNeverWhatCameAfterIt(int size) throws Exception {
        start(socket -> {
            socket.startReading();
            return bytes -> sockets.forEach(each -> each.write(bytes));
        });
        FakeTransport one = accepted();
        FakeTransport two = accepted();
        two.room = size / 3;
        byte[] message = EngineContract.random(1, size);
        engine.reads(one, message);
        engine.reads(one, message);
        assertThat(one.sent.size()).isEqualTo(2 * size);
        two.room = Integer.MAX_VALUE;
        engine.happens(() -> engine.handlers.get(two).onWritten(0));
        assertThat(two.sent.toByteArray()).isEqualTo(one.sent.toByteArray());
    }

    // ---- Replies of one turn ----

    /** What a turn does for these sockets, each of which has got a message: its callbacks (+) and writes (-), by index. */
    private List<String> turnOf(List<FakeTransport> transports, List<String> steps) throws Exception {
        steps.clear();
        engine.happenTogether(transports.stream()
                .<Runnable>map(transport -> () -> {
                    steps.add("+" + transports.indexOf(transport));
                    engine.read(transport, new byte[64]);
                })
                .toList());
        return List.copyOf(steps);
    }

    private List<FakeTransport> acceptedNoting(int count, List<String> steps) throws Exception {
        List<FakeTransport> transports = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            FakeTransport transport = accepted();
            String step = "-" + i;
            transport.onWrite = () -> steps.add(step);
            transports.add(transport);
        }
        return transports;
    }

    @Test
    void repliesOfShortCallbacksLeaveEightAtATimeInTheirOrder() throws Exception {
        start(EngineContract.echo());
        List<String> steps = new ArrayList<>();
        List<FakeTransport> transports = acceptedNoting(10, steps);
        List<String> inEights = new ArrayList<>();
        for (int first = 0; first < 10; first += 8) {
            int last = Math.min(10, first + 8);
            IntStream.range(first, last).forEach(i -> inEights.add("+" + i));
            IntStream.range(first, last).forEach(i -> inEights.add("-" + i));
        }
        // Whether callbacks are short the turn before tells, and on a busy machine any turn may last.
        await().pollInSameThread().until(() -> turnOf(transports, steps), inEights::equals);
    }

    @Test
    void aReplyDoesNotWaitForCallbacksThatTakeTheirTime() throws Exception {
        start(socket -> {
            socket.startReading();
            return bytes -> {
                EngineContract.pass(Duration.ofMillis(1));
                socket.write(bytes);
            };
        });
        List<String> steps = new ArrayList<>();
        List<FakeTransport> transports = acceptedNoting(10, steps);
        List<String> oneByOne = IntStream.range(0, 10)
                .boxed()
                .flatMap(i -> Stream.of("+" + i, "-" + i))
                .toList();
        turnOf(transports, steps);
        assertThat(turnOf(transports, steps)).isEqualTo(oneByOne);
    }

    @Test
    void anEngineThatWritesLaterIsToldAndAsked() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        transport.room = 600;
        transport.sendsLater = true;
        byte[] message = EngineContract.random(1, 1000);
        engine.reads(transport, message);
        int writes = transport.writes;
        sockets.get(0).write(ByteBuffer.wrap(message));
        onLoop(() -> null);
        assertThat(transport.writes).as("nothing is written before onWritten").isEqualTo(writes);
        assertThat(sockets.get(0).unsentBytes()).isEqualTo(2000);
        transport.room = Integer.MAX_VALUE;
        for (int pending : new int[] {400, 200, 1400}) {
            engine.happens(() -> engine.handlers.get(transport).onWritten(transport.sendPending(pending)));
        }
        assertThat(transport.sent.size()).isEqualTo(2000);
        assertThat(sockets.get(0).unsentBytes()).isZero();
        assertThat(stats().bytesWritten()).isEqualTo(2000);
    }

    // ---- Faults of the engine ----

    @Test
    void aTransportThatBreaksEndsItsConnectionForTheKernelsReason() throws Exception {
        start(EngineContract.echo());
        Map<TransportException.Kind, CloseReason> reasons = Map.of(
                TransportException.Kind.RESET, CloseReason.PEER_RESET,
                TransportException.Kind.UNREACHABLE, CloseReason.PEER_UNREACHABLE,
                TransportException.Kind.OTHER, CloseReason.ERROR);
        for (TransportException.Kind kind : reasons.keySet()) {
            FakeTransport reading = accepted();
            FakeTransport writing = accepted();
            TransportException failure = new TransportException(kind, new IOException("broken by the test"));
            engine.happens(() -> engine.handlers.get(reading).onFailed(failure));
            writing.broken = kind;
            engine.reads(writing, new byte[] {1});
            onLoop(() -> null);
            assertThat(reading.closed && writing.closed).isTrue();
            assertThat(sockets.subList(sockets.size() - 2, sockets.size()))
                    .allSatisfy(socket -> assertThat(socket.closeReason()).contains(reasons.get(kind)));
        }
        assertThat(logs.take("socket failed")).as("only what nobody expects").hasSize(2);
    }

    @Test
    void h9_aConnectionThatTheEngineCannotAdoptIsClosedWithoutASession() throws Exception {
        start(EngineContract.echo());
        engine.adoptFailure = new TransportException(TransportException.Kind.OTHER, new IOException("no room"));
        FakeTransport transport = accepted();
        onLoop(() -> null);
        assertThat(transport.closed).isTrue();
        assertThat(sockets).isEmpty();
        assertThat(stats().closed()).containsOnlyKeys(CloseReason.ERROR);
        assertThat(logs.take("socket failed")).hasSize(1);
    }

    @Test
    void h3_aConnectionThatThereIsNoMemoryToAdoptIsClosedAndCounted() throws Exception {
        start(EngineContract.echo());
        engine.adoptError = new OutOfMemoryError("by the test");
        FakeTransport transport = new FakeTransport();
        assertThatThrownBy(() -> engine.accepts(transport)).hasCauseInstanceOf(OutOfMemoryError.class);
        engine.adoptError = null;
        assertThat(accepted().closed).isFalse();
        assertThat(transport.closed).isTrue();
        assertThat(stats().closed()).isEqualTo(Map.of(CloseReason.ERROR, 1L));
        assertThat(stats().open()).isOne();
    }

    @Test
    void anEngineThatFailsForAWhileLosesNothing() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        engine.failingPolls.set(15);
        engine.wakeup();
        engine.reads(transport, new byte[] {1});
        assertThat(engine.failingPolls).hasValue(0);
        assertThat(transport.sent.size()).isOne();
        assertThat(logs.take("failed in a turn")).hasSize(15);
    }

    @Test
    void anEngineThatFailsForEverEndsTheLoopAndItsConnections() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        engine.failingPolls.set(Integer.MAX_VALUE);
        engine.wakeup();
        await().until(() -> !loop.isAlive());
        assertThat(transport.closed).isTrue();
        assertThat(engine.closed).isTrue();
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.ERROR);
        CompletableFuture<Void> write = EngineContract.write(sockets.get(0), EngineContract.bytes("x"));
        assertThat(write).failsWithin(Duration.ofSeconds(10));
        assertThat(logs.take("failed in a turn")).hasSize(16);
        assertThat(logs.take("ends after 16 failed turns")).hasSize(1);
    }

    @Test
    void aSocketThatCannotBeClosedKeepsNothingElseFromEnding() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        FakeTransport other = accepted();
        transport.closeFails = true;
        engine.happens(() -> engine.handlers.get(transport).onEnd());
        onLoop(() -> null);
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.PEER_CLOSED);
        engine.reads(other, new byte[] {1});
        assertThat(other.sent.size()).isOne();
        other.closeFails = true;
        FakeTransport third = accepted();
        engine.failingPolls.set(Integer.MAX_VALUE);
        engine.wakeup();
        await().until(() -> !loop.isAlive());
        assertThat(other.closed && third.closed && engine.closed).isTrue();
        assertThat(stats().closed()).isEqualTo(Map.of(CloseReason.PEER_CLOSED, 1L, CloseReason.ERROR, 2L));
        assertThat(logs.take("cannot close: socket ")).hasSize(2);
        assertThat(logs.take("failed")).hasSize(17);
    }

    @Test
    void whatAConnectionTookBeforeItBrokeIsCounted() throws Exception {
        start(EngineContract.echo());
        FakeTransport open = accepted();
        open.room = 7;
        open.breaksAfterwards = true;
        engine.reads(open, new byte[10]);
        await().until(() -> open.closed);
        assertThat(onLoop(() -> stats().bytesWritten())).isEqualTo(7);
    }

    // ---- The budget ----

    /** The engine found all of them ready at once: what they queue in that turn may be more than the heap holds. */
    @Test
    void d4_whoHoldsTooMuchIsCutOffInTheTurnThatQueuesIt() throws Exception {
        int each = 64 * 1024;
        start(
                EngineContract.echo(),
                x -> x.writeWaterMarks(0, each).writeQueueLimit(each).unsentBytesLimit(2L * each));
        List<FakeTransport> transports = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            transports.add(accepted());
            transports.get(i).room = 0;
        }
        List<Long> holding = new ArrayList<>();
        engine.happens(() -> {
            for (int i = 0; i < transports.size(); i++) {
                engine.handlers.get(transports.get(i)).onRead(ByteBuffer.allocateDirect(each));
                holding.add(transports.stream()
                        .limit(i + 1)
                        .filter(one -> !one.closed)
                        .count());
            }
        });
        assertThat(holding)
                .as("sockets that hold something after each delivery")
                .allMatch(count -> count <= 2);
        assertThat(logs.take("too much is unsent")).isNotEmpty();
    }

    private void shed(SocketHandle socket) throws Exception {
        Connection connection = connections.all().stream()
                .filter(each -> each.handle().id().equals(socket.id()))
                .findAny()
                .orElseThrow();
        onLoop(() -> {
            connection.onShed(() -> {});
            return null;
        });
    }

    /** It was chosen for what it held a moment ago; its peer would lose what the kernel has for it. */
    @Test
    void d4_whoHasGotEverythingMeanwhileIsNotCutOff() throws Exception {
        start(EngineContract.echo());
        FakeTransport open = accepted();
        shed(sockets.get(0));
        assertThat(open.closed).isFalse();
        engine.reads(open, new byte[] {1});
        sockets.get(0).close();
        await().until(() -> onLoop(() -> open.outputShutDown));
        shed(sockets.get(0));
        assertThat(open.reset).isFalse();
    }

    @Test
    void aPeersEndThatIsCutOffIsNoCleanEnd() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        transport.room = 1;
        engine.reads(transport, new byte[] {1, 2, 3});
        engine.happens(() -> engine.handlers.get(transport).onEnd());
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.PEER_CLOSED);
        shed(sockets.get(0));
        assertThat(transport.reset).isTrue();
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.LIMIT_MEMORY);
    }

    // ---- Accept ----

    @Test
    void b1_acceptingPausesWhileTheSystemCannotAndSaysSoOncePerPause() throws Exception {
        start(EngineContract.echo());
        FakeTransport live = accepted();
        for (int pause = 1; pause <= 2; pause++) {
            engine.cannotAccept("Too many open files");
            assertThat(engine.listener.listening).isFalse();
            assertThat(logs.take("cannot accept")).singleElement().asString().contains("Too many open files");
            engine.reads(live, new byte[] {1});
            assertThat(live.sent.size()).isEqualTo(pause);
            await().until(() -> engine.lastTimeoutNanos > 0);
            await().until(() -> engine.listener.listening);
        }
        assertThat(engine.listener.closed).isFalse();
    }

    @Test
    void aLoopWithNothingToDoWaitsWithoutEnd() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        engine.reads(transport, new byte[] {1});
        onLoop(() -> null);
        int before = onLoop(() -> engine.polls);
        int after = onLoop(() -> engine.polls);
        assertThat(after - before).as("turns to run one task").isLessThanOrEqualTo(2);
        await().until(() -> engine.lastTimeoutNanos < 0);
    }

    // ---- Reading ----

    @Test
    void theEngineIsToldToReadOnlyWhenTheAnswerChanges() throws Exception {
        start(EngineContract.idle());
        FakeTransport transport = accepted();
        SocketHandle socket = sockets.get(0);
        assertThat(transport.reading).isFalse();
        socket.read();
        socket.read();
        onLoop(() -> null);
        assertThat(transport.reading).isTrue();
        engine.reads(transport, new byte[] {1});
        assertThat(transport.reading).isTrue();
        engine.reads(transport, new byte[] {1});
        assertThat(transport.reading).isFalse();
        socket.startReading();
        onLoop(() -> null);
        assertThat(transport.reading).isTrue();
        socket.stopReading();
        onLoop(() -> null);
        assertThat(transport.reading).isFalse();
    }

    @Test
    void c14_aReadThatWasUnderWayAtTheCloseIsNotDelivered() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        sockets.get(0).close();
        onLoop(() -> null);
        engine.reads(transport, new byte[] {1, 2, 3});
        assertThat(ledger.bytesReceived()).isZero();
        assertThat(transport.outputShutDown).isTrue();
        engine.happens(() -> engine.handlers.get(transport).onEnd());
        onLoop(() -> null);
        assertThat(transport.closed).isTrue();
        assertThat(transport.reset).isFalse();
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.CLOSED);
    }

    @Test
    void aPeerThatEndsAndStaysIsDrainedThenClosed() throws Exception {
        start(EngineContract.echo());
        FakeTransport transport = accepted();
        transport.room = 1;
        engine.reads(transport, new byte[] {1, 2, 3});
        engine.happens(() -> engine.handlers.get(transport).onEnd());
        onLoop(() -> null);
        assertThat(transport.closed).isFalse();
        transport.room = 2;
        engine.happens(() -> engine.handlers.get(transport).onWritten(0));
        onLoop(() -> null);
        assertThat(transport.sent.toByteArray()).containsExactly(1, 2, 3);
        assertThat(transport.closed).isTrue();
        assertThat(sockets.get(0).closeReason()).contains(CloseReason.PEER_CLOSED);
    }
}
