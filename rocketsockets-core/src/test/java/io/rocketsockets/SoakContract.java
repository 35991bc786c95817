package io.rocketsockets;

import static java.util.concurrent.TimeUnit.DAYS;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.ConnectionLimits.Surplus;
import io.rocketsockets.SoakApplication.Part;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Row J5: every kind of peer at once, on one server with two loops and small limits, for {@code -Dsoak.minutes}. The choices
 * follow from {@code -Dsoak.seed}, which is printed; the interleaving does not.
 *
 * <p>It goes in rounds. After each the server has nothing to do but its canaries, and every account is settled: each byte
 * sent was delivered, each byte given to write was received, each close had the reason that was due.
 */
abstract class SoakContract extends EngineContract {
    private static final double MINUTES = Double.parseDouble(System.getProperty("soak.minutes", "10"));
    private static final long SEED = Long.getLong("soak.seed", System.nanoTime() >>> 10);
    private static final long MINUTE_NANOS = 60_000_000_000L;
    private static final Duration LONGEST_ROUND = Duration.ofSeconds(10);
    private static final int LEAST_ROUNDS = 6;
    private static final int PEERS = 16;
    private static final int LOOPS = 2;
    private static final int MOST_CONNECTIONS = 48;
    static final int HIGH_WATER_MARK = 16 * 1024;
    private static final int WRITE_QUEUE_LIMIT = 64 * 1024;

    /** The canary shares two processors with its server and all peers: it must be right, and not hang. */
    private static final int CANARY_MILLIS = 1000;

    /** Samples differ by some hundred KiB; 100 bytes a connection are as much a round. */
    private static final long HEAP_GROWTH = 1024 * 1024;

    private static final long HEAP_GROWTH_A_ROUND = 4 * 1024;

    /** What misbehaving peers and callbacks make the server say, at most ten times a second each. */
    private static final List<String> EXPECTED_LINES = List.of(
            "callback threw and its socket is closed",
            "close action threw",
            "onException threw",
            "connection refused",
            "too much is unsent",
            "nothing is asked of a new connection");

    private final Queue<Throwable> faults = new ConcurrentLinkedQueue<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "test-soak");
        thread.setDaemon(true);
        return thread;
    });
    private final SoakApplication application = new SoakApplication(threads, faults);
    private final Map<CloseReason, Long> seen = new EnumMap<>(CloseReason.class);
    private final List<Long> heap = new ArrayList<>();
    private final long beginning = System.nanoTime();
    private TestServer main;
    private SoakPeers peers;
    private List<SoakPeers.Peer> canaries;
    private SoakCanary canary;
    private long descriptors;
    private final AtomicInteger stops = new AtomicInteger();
    private final AtomicInteger stopsGivenUp = new AtomicInteger();
    private long told = beginning;
    private long linesTaken = beginning;

    @Test
    @Tag("soak")
    @WithoutBystander("it has canaries of its own")
    @Timeout(value = 3650, unit = DAYS)
    void j5_aMixOfEverythingLosesNoByteAndLeavesNothingBehind() throws Exception {
        System.out.println("soak: seed=" + SEED + " minutes=" + MINUTES + " engine=" + engine());
        try {
            begin();
            Future<?> singing = threads.submit(canary);
            long total = (long) (MINUTES * MINUTE_NANOS);
            long round = Math.min(LONGEST_ROUND.toNanos(), total / LEAST_ROUNDS);
            for (int number = 0; System.nanoTime() - beginning < total || number < LEAST_ROUNDS; number++) {
                load(number, System.nanoTime() + round);
                settle(number);
                assertThat(singing.isDone()).as("the canary has ended").isFalse();
                if (System.nanoTime() - told >= MINUTE_NANOS) {
                    tell();
                }
            }
            tell();
            canary.stop();
            singing.get(30, SECONDS);
            nothingSpins();
            end();
        } catch (Throwable failure) {
            AssertionError all = new AssertionError("soak failed: seed=" + SEED, failure);
            faults.stream().limit(10).forEach(all::addSuppressed);
            throw all;
        } finally {
            threads.shutdownNow();
        }
    }

    // ---- The server ----

    private void begin() throws IOException {
        main = server(x -> x.eventLoops(LOOPS)
                .readBufferSize(16 * 1024)
                .writeWaterMarks(HIGH_WATER_MARK / 2, HIGH_WATER_MARK)
                .writeQueueLimit(WRITE_QUEUE_LIMIT)
                .unsentBytesLimit(8 * WRITE_QUEUE_LIMIT)
                .maxConnections(MOST_CONNECTIONS)
                .maxConnectionsPerAddress(SoakPeers.PER_ADDRESS)
                .surplusConnections(Surplus.WAIT)
                .addEndpoint("half", e -> e.bindTo("127.0.0.1").port(0).halfClose()));
        main.start(application);
        peers = new SoakPeers(application, main.address(), main.server.localAddress("half"), threads, SEED);
        canaries = canaries();
        canary = new SoakCanary(canaries);
        descriptors = Leaks.descriptors();
    }

    /** One on each loop. */
    private List<SoakPeers.Peer> canaries() throws IOException {
        List<SoakPeers.Peer> chosen = new ArrayList<>();
        List<String> loops = new ArrayList<>();
        for (int i = 0; i < 50 && chosen.size() < LOOPS; i++) {
            SoakPeers.Peer peer = closeLater(peers.connect(new Random(i), Part.CANARY));
            peer.account.allIn().allOut().endsWith(CloseReason.PEER_CLOSED, CloseReason.STOPPED);
            await().until(() -> peer.account.opened.get() == 1 && !peer.account.loop.isEmpty());
            if (loops.contains(peer.account.loop)) {
                peer.close();
            } else {
                loops.add(peer.account.loop);
                chosen.add(peer);
            }
        }
        assertThat(chosen).as("loops that have a canary").hasSize(LOOPS);
        await().until(() -> main.server.stats().open() == LOOPS);
        return chosen;
    }

    // ---- One round ----

    private void load(int number, long end) throws Exception {
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < PEERS; i++) {
            Random random = new Random(SoakStream.mix(SEED + number * 1000L + i));
            all.add(threads.submit(guarded(() -> {
                do {
                    peers.one(random);
                } while (System.nanoTime() - end < 0 && faults.isEmpty());
            })));
        }
        all.add(threads.submit(guarded(() -> secondServer(new Random(SoakStream.mix(~SEED + number)), end))));
        int most = 0;
        while (all.stream().anyMatch(each -> !each.isDone())) {
            most = Math.max(most, (int) main.server.stats().open());
            all.stream().filter(each -> !each.isDone()).findAny().ifPresent(SoakContract::waitAMoment);
        }
        for (Future<?> each : all) {
            each.get(0, SECONDS);
        }
        assertThat(faults).as("faults").isEmpty();
        // A connection that has left, but is not counted yet, may be one more on each loop.
        assertThat(most).as("connections open at once").isLessThanOrEqualTo(MOST_CONNECTIONS + LOOPS);
    }

    private static void waitAMoment(Future<?> peer) {
        try {
            peer.get(10, MILLISECONDS);
        } catch (Exception notYet) {
            Thread.onSpinWait();
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    private Callable<Void> guarded(Action action) {
        return () -> {
            try {
                action.run();
            } catch (Throwable fault) {
                faults.add(fault);
            }
            return null;
        };
    }

    /** Starts and stops, with peers that read and peers that do not, and accounts for each byte. */
    private void secondServer(Random random, long end) throws Exception {
        try (TestServer second = new TestServer(
                x -> x.engine(engine())
                        .eventLoops(1)
                        .maxConnections(6)
                        .acceptRate(2000)
                        .surplusConnections(Surplus.REFUSE),
                e -> {},
                false,
                this)) {
            do {
                SoakApplication itsApplication = new SoakApplication(threads, faults);
                second.start(itsApplication);
                SoakPeers itsPeers =
                        new SoakPeers(itsApplication, second.address(), second.address(), threads, random.nextLong());
                List<SoakPeers.Peer> all = new ArrayList<>();
                List<Future<?>> talking = new ArrayList<>();
                for (int i = random.nextInt(10); i >= 0; i--) {
                    boolean reads = random.nextInt(3) > 0;
                    SoakPeers.Peer peer;
                    try {
                        peer = itsPeers.connect(random, reads ? Part.ECHO : Part.SOURCE);
                    } catch (IOException refused) {
                        continue;
                    }
                    all.add(peer);
                    peer.account
                            .maybeUnopened()
                            .endsWith(CloseReason.STOPPED, CloseReason.STOP_FORCED, CloseReason.PEER_CLOSED);
                    if (reads) {
                        Random its = new Random(random.nextLong());
                        talking.add(threads.submit(guarded(() -> peer.pingPongUntilTheEnd(its))));
                    }
                }
                new CountDownLatch(1).await(random.nextInt(300), MILLISECONDS);
                ShutdownReport report = second.server.stop(Duration.ofMillis(random.nextInt(300)));
                for (Future<?> each : talking) {
                    each.get(30, SECONDS);
                }
                // When the machine is slower than stop promises to be, the loop is given up and ends later.
                boolean isWhole = all.stream()
                        .map(peer -> peer.account)
                        .allMatch(account -> account.opened.get() == 0 || account.closed.isDone());
                stops.incrementAndGet();
                if (!isWhole) {
                    stopsGivenUp.incrementAndGet();
                    await().until(() -> Leaks.threads().size() == LOOPS);
                }
                long given = 0;
                for (SoakPeers.Peer peer : all) {
                    peer.close();
                    peer.account.verify();
                    given += peer.account.bytesGiven();
                }
                if (isWhole) {
                    assertThat(second.server.stats().bytesWritten() + report.bytesNotSent())
                            .as("bytes that the second server wrote or reports as not sent: %s", report)
                            .isEqualTo(given);
                }
                await().until(() -> second.ledger.books().stream()
                        .allMatch(book -> book.socket.closeReason().isPresent()));
                second.ledger.books().clear();
            } while (System.nanoTime() - end < 0 && faults.isEmpty());
        }
    }

    // ---- Between rounds ----

    private void settle(int number) throws Exception {
        // What waited in the backlog is before it.
        try (SoakPeers.Peer probe = peers.connect(new Random(), Part.ECHO)) {
            probe.account.allIn().allOut().endsWith(CloseReason.PEER_CLOSED);
            probe.send(1);
            probe.receive(1);
        }
        await().until(() -> main.server.stats().open() == LOOPS);
        await().until(() -> main.ledger.books().stream().filter(this::isOpen).count() == LOOPS);
        assertThat(faults).as("faults").isEmpty();
        Set<SoakAccount> staying =
                Set.copyOf(canaries.stream().map(each -> each.account).toList());
        for (SoakAccount account : application.accounts.values()) {
            if (!staying.contains(account)) {
                await().until(() -> account.writes.get() == account.writesEnded.get());
                account.verify();
            }
        }
        application.accounts.values().retainAll(staying);
        application.dead.clear();
        main.ledger.books().removeIf(book -> !isOpen(book));
        ServerStats stats = main.server.stats();
        assertThat(stats.accepted())
                .as("%s", stats)
                .isEqualTo(stats.open()
                        + stats.closed().values().stream().mapToLong(n -> n).sum());
        seen.clear();
        seen.putAll(stats.closed());
        lines(number);
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(
                        () -> assertThat(Leaks.descriptors()).as("descriptors").isLessThanOrEqualTo(descriptors));
        heap.add(heapAfterCollection());
    }

    private boolean isOpen(Ledger.Book book) {
        // One whose session failed has no close action.
        return book.socket.closeReason().isEmpty()
                || main.server.socket(book.socket.id()).isPresent();
    }

    private void lines(int number) {
        long now = System.nanoTime();
        double seconds = (now - linesTaken) / 1e9;
        linesTaken = now;
        for (String text : EXPECTED_LINES) {
            // A second that was begun, and a line that came through while it began.
            assertThat(logs.take(text).size())
                    .as("log lines '%s' in the %s s of round %s", text, seconds, number)
                    .isLessThanOrEqualTo((int) (11 * (seconds + 2)));
        }
    }

    private static long heapAfterCollection() {
        for (int i = 0; i < 2; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private void tell() {
        told = System.nanoTime();
        ServerStats stats = main.server.stats();
        System.out.printf(
                "soak: minutes=%.1f rounds=%d connections=%d read=%d written=%d canary p99=%d ms longest=%d ms heap=%d KiB"
                        + " descriptors=%d second server stopped=%d of which late=%d closed=%s%n",
                (told - beginning) / (double) MINUTE_NANOS,
                heap.size(),
                stats.accepted(),
                stats.bytesRead(),
                stats.bytesWritten(),
                canary.quantile(990),
                canary.quantile(1000),
                heap.get(heap.size() - 1) / 1024,
                Leaks.descriptors(),
                stops.get(),
                stopsGivenUp.get(),
                stats.closed());
    }

    // ---- At the end ----

    /** With nothing to do, the loops use less than 2 % of a processor. */
    private static void nothingSpins() throws Exception {
        long before = loopNanos();
        // The time itself is what is asked about: nothing is to happen in it.
        new CountDownLatch(1).await(5, SECONDS);
        assertThat(loopNanos() - before)
                .as("processor time of the idle loops in 5 s, in ns")
                .isLessThan(LOOPS * 100_000_000);
    }

    /** Processor time of the loops' threads; the kernel cuts their names. 0 where there is no /proc. */
    private static long loopNanos() throws IOException {
        Path tasks = Path.of("/proc/self/task");
        if (!Files.isDirectory(tasks)) {
            return 0;
        }
        long nanos = 0;
        try (Stream<Path> all = Files.list(tasks)) {
            for (Path task : all.toList()) {
                if (read(task.resolve("comm")).startsWith("rocketsockets-l")) {
                    nanos += Long.parseLong(read(task.resolve("schedstat")).split(" ")[0]);
                }
            }
        }
        return nanos;
    }

    private static String read(Path file) throws IOException {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException endedMeanwhile) {
            return "";
        }
    }

    private void end() throws Exception {
        assertThat(canary.quantile(990)).as("p99 of the canary, in ms").isLessThan(CANARY_MILLIS);
        List<Long> warm = heap.subList(heap.size() / 3, heap.size());
        assertThat((long) slope(warm) * warm.size())
                .as("growth of the heap in bytes: %s", heap)
                .isLessThan(Math.max(HEAP_GROWTH, HEAP_GROWTH_A_ROUND * warm.size()));
        for (SoakPeers.Peer each : canaries) {
            each.close();
        }
        main.server.stop();
        for (SoakPeers.Peer each : canaries) {
            each.account.verify();
        }
        lookAtTheEngines();
        if (MINUTES >= 1) {
            assertThat(seen.keySet())
                    .as("every end that the mix is about")
                    .contains(
                            CloseReason.PEER_CLOSED,
                            CloseReason.PEER_RESET,
                            CloseReason.CLOSED,
                            CloseReason.ABORTED,
                            CloseReason.HANDLER_FAILED,
                            CloseReason.TIMEOUT_FIRST_BYTE,
                            CloseReason.TIMEOUT_IDLE,
                            CloseReason.TIMEOUT_READ,
                            CloseReason.TIMEOUT_WRITE,
                            CloseReason.TIMEOUT_LIFETIME,
                            CloseReason.LIMIT_READ_RATE,
                            CloseReason.LIMIT_WRITE_RATE,
                            CloseReason.LIMIT_WRITE_QUEUE,
                            CloseReason.LIMIT_MEMORY,
                            CloseReason.LIMIT_ADDRESS);
            assertThat(seen).doesNotContainKey(CloseReason.ERROR);
        }
    }

    /** What engines count for themselves, when all servers have stopped. */
    void lookAtTheEngines() {}

    /** The median of the slopes between any two (Theil and Sen): one odd sample does not move it. */
    private static double slope(List<Long> samples) {
        List<Double> slopes = new ArrayList<>();
        for (int i = 0; i < samples.size(); i++) {
            for (int j = i + 1; j < samples.size(); j++) {
                slopes.add((double) (samples.get(j) - samples.get(i)) / (j - i));
            }
        }
        slopes.sort(null);
        return slopes.get(slopes.size() / 2);
    }
}
