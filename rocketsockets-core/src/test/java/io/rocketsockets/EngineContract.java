package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.opentest4j.TestAbortedException;

/**
 * What every contract shares: servers on the engine under test, their oracles (the {@link Bystander}, the {@link Ledger},
 * {@link Leaks}, {@link Spin}, and {@link Logs} without a line that was not expected) and a few applications.
 */
abstract class EngineContract implements EngineUnderTest {
    static {
        Awaitility.setDefaultTimeout(Duration.ofSeconds(20));
        Awaitility.setDefaultPollDelay(Duration.ZERO);
        Awaitility.setDefaultPollInterval(Duration.ofMillis(1));
    }

    final Logs logs = new Logs();
    private final List<AutoCloseable> toClose = new ArrayList<>();
    private Leaks leaks;
    private boolean hasBystander = true;

    /** The JDK opens a descriptor or two at the first use of a socket and keeps them. */
    @BeforeAll
    static void warmUp() throws IOException {
        try (SocketServer server = RocketServer.create(
                x -> x.addEndpoint("warm", e -> e.bindTo("127.0.0.1").port(0)))) {
            server.start(echo());
            try (Client client = new Client(server.localAddress("warm"))) {
                client.exchange("x");
                client.endOutput().receiveAll();
            }
        }
    }

    @BeforeEach
    final void lookForReasonsAgainstABystander(TestInfo test) {
        hasBystander = Stream.of(test.getTestMethod(), test.getTestClass())
                .flatMap(Optional::stream)
                .noneMatch(each -> each.isAnnotationPresent(WithoutBystander.class));
    }

    @BeforeEach
    final void skipsWhatTheModeHasNot(TestInfo test) {
        Method method = test.getTestMethod().orElseThrow();
        OfTcp ofTcp = method.getAnnotation(OfTcp.class);
        assumeTrue(isOfTcp() || ofTcp == null, () -> "skipped: " + ofTcp.value());
        NotOverTls notOverTls = method.getAnnotation(NotOverTls.class);
        assumeFalse(
                notOverTls != null && List.of(notOverTls.versions()).contains(tlsVersion()),
                () -> "skipped: " + notOverTls.value());
    }

    @BeforeEach
    final void startCounting() {
        leaks = new Leaks();
    }

    @AfterEach
    final void nothingIsLeftAndAllBooksBalance() throws Exception {
        try (logs) {
            Throwable fault = null;
            for (AutoCloseable each : toClose) {
                try {
                    each.close();
                } catch (Throwable failure) {
                    if (fault != null) {
                        failure.addSuppressed(fault);
                    }
                    fault = failure;
                }
            }
            if (fault instanceof TestAbortedException skipped) {
                throw skipped;
            }
            if (fault != null) {
                throw new AssertionError("the books do not balance", fault);
            }
            leaks.assertNone();
            logs.assertNothingElse();
        }
    }

    <T extends AutoCloseable> T closeLater(T resource) {
        toClose.add(resource);
        return resource;
    }

    // ---- Servers ----

    /** A server with one loop, not started. */
    TestServer server() {
        return server(x -> {});
    }

    TestServer server(Consumer<ServerConfigurator> options) {
        return server(options, e -> {});
    }

    TestServer server(Consumer<ServerConfigurator> options, Consumer<EndpointConfigurator> endpoint) {
        return server(options, endpoint, hasBystander);
    }

    private TestServer server(
            Consumer<ServerConfigurator> options, Consumer<EndpointConfigurator> endpoint, boolean hasBystander) {
        return closeLater(new TestServer(
                x -> {
                    x.engine(engine()).eventLoops(1);
                    configure(x);
                    options.accept(x);
                },
                e -> {
                    configure(e);
                    endpoint.accept(e);
                },
                hasBystander,
                this));
    }

    /** A server that a {@link TestServer#canary()} can sing on. */
    TestServer watched(Consumer<ServerConfigurator> options, Consumer<EndpointConfigurator> endpoint) {
        return server(
                x -> {
                    options.accept(x);
                    x.addEndpoint(TestServer.CANARY_ENDPOINT, TestServer::forWitnesses);
                },
                endpoint,
                false); // the canary is the stricter of the two
    }

    TestServer serve(SocketSessionFactory application) {
        return server().start(application);
    }

    TestServer serve(int eventLoops, SocketSessionFactory application) {
        return server(x -> x.eventLoops(eventLoops)).start(application);
    }

    // ---- Applications ----

    static SocketSessionFactory echo() {
        return socket -> {
            socket.startReading();
            return socket::write;
        };
    }

    static SocketSessionFactory discard() {
        return socket -> {
            socket.startReading();
            return bytes -> {};
        };
    }

    /** Asks for nothing. */
    static SocketSessionFactory idle() {
        return socket -> bytes -> {};
    }

    static SocketSession session(Consumer<ByteBuffer> onBytes, Runnable onClose) {
        return new SocketSession() {
            @Override
            public void onBytes(ByteBuffer bytes) {
                onBytes.accept(bytes);
            }

            @Override
            public void onClose() {
                onClose.run();
            }
        };
    }

    // ---- The spin check ----

    /** Which share of a core the loops take, over two seconds in which nothing is to be done. */
    static double spins() throws Exception {
        assumeTrue(Spin.isMeasured(), "skipped: no /proc to read the CPU time of threads from");
        return Spin.share(Duration.ofSeconds(2));
    }

    // ---- Small things ----

    /** Where time itself is the event that a test waits for. */
    static void pass(Duration time) {
        CompletableFuture.runAsync(
                        () -> {},
                        CompletableFuture.delayedExecutor(time.toNanos(), TimeUnit.NANOSECONDS, Runnable::run))
                .join();
    }

    static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    static String text(ByteBuffer bytes) {
        return StandardCharsets.US_ASCII.decode(bytes.duplicate()).toString();
    }

    static byte[] random(long seed, int count) {
        byte[] bytes = new byte[count];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Runs on a thread of its own. */
    static <T> CompletableFuture<T> async(Callable<T> task) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        result.complete(task.call());
                    } catch (Throwable failure) {
                        result.completeExceptionally(failure);
                    }
                },
                "test-async");
        thread.setDaemon(true);
        thread.start();
        return result;
    }

    /**
     * What is queued and does not fit into the kernel: some 4 MiB at most for the socket and what a peer that does not
     * read lets in, so that half of this stays.
     */
    static final int MORE_THAN_THE_KERNEL_TAKES = 16 * 1024 * 1024;

    static CompletableFuture<Void> write(SocketHandle socket, ByteBuffer bytes) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        socket.write(bytes, () -> done.complete(null), done::completeExceptionally);
        return done;
    }
}
