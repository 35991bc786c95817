package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Innocent echo connections, one on every loop, off the path of the fault: each sends a numbered message ten times a second
 * and checks its reply. All the while a plain blocking echo of this JVM is asked every other millisecond, so that what the
 * machine and its garbage collector cost is not taken for the server's.
 */
final class Canary implements AutoCloseable {
    private static final Duration BOUND = Duration.ofMillis(50);
    private static final Duration PAUSE = Duration.ofMillis(100);
    private static final Duration PAUSE_BESIDES = Duration.ofMillis(2);
    private static final int WARM_UP = 20;

    /** With fewer replies the slowest counts. */
    private static final int ENOUGH_FOR_P99 = 100;

    private final CountDownLatch over = new CountDownLatch(1);
    private final PlainEcho plainEcho = new PlainEcho();
    private final Bird besides;
    private final List<Bird> birds = new ArrayList<>();
    private final List<CompletableFuture<Void>> songs = new ArrayList<>();

    /** What a client that has connected speaks. */
    interface Speech {
        Client begin(Client connected) throws IOException;
    }

    Canary(SocketAddress endpoint, int loops) throws IOException {
        this(endpoint, loops, connected -> connected);
    }

    Canary(SocketAddress endpoint, int loops, Speech speech) throws IOException {
        this(endpoint, loops, speech, PAUSE);
    }

    /**
     * Aborts the test when replies take longer than the bound before anything was done to the server.
     *
     * @param pause between two messages; short where a p99 is wanted of what takes seconds
     */
    Canary(SocketAddress endpoint, int loops, Speech speech, Duration pause) throws IOException {
        besides = new Bird(new Client(plainEcho.address()), PAUSE_BESIDES);
        // The balancer gives connections of one endpoint to the loops in turn.
        for (int i = 0; i < loops; i++) {
            birds.add(new Bird(speech.begin(new Client(endpoint)), pause));
        }
        for (Bird bird : birds) {
            bird.warmUp();
        }
        songs.add(EngineContract.async(besides::sing));
        birds.forEach(bird -> songs.add(EngineContract.async(bird::sing)));
    }

    /** Ends the songs and judges them. */
    @Override
    public void close() throws IOException {
        over.countDown();
        try (plainEcho) {
            // Every wait of a song has a deadline.
            songs.forEach(CompletableFuture::join);
            Duration machine = besides.slowest();
            for (Bird bird : birds) {
                if (bird.slow().compareTo(BOUND.plus(machine)) > 0) {
                    abortWhenOverloaded(bird.slow());
                }
                assertThat(bird.slow())
                        .as("slow reply of %s, where the machine's slowest took %s", bird.nanos.size(), machine)
                        .isLessThanOrEqualTo(BOUND.plus(machine));
            }
        } finally {
            besides.client.close();
            for (Bird bird : birds) {
                bird.client.close();
            }
        }
    }

    /** With more to run than there are processors, one thread may starve while another does not. */
    private static void abortWhenOverloaded(Duration slow) throws IOException {
        Path load = Path.of("/proc/loadavg");
        if (Files.isReadable(load)) {
            double waiting = Double.parseDouble(Files.readString(load).split(" ")[0]);
            int processors = Runtime.getRuntime().availableProcessors();
            assumeTrue(
                    waiting <= 1.5 * processors,
                    () -> "skipped: a reply took " + slow + ", but the load of " + processors + " processors is "
                            + waiting);
        }
    }

    private final class Bird {
        private final Client client;
        private final Duration pause;
        private final List<Long> nanos = new ArrayList<>();
        private int number;

        Bird(Client client, Duration pause) {
            this.client = client;
            this.pause = pause;
        }

        void warmUp() throws IOException {
            for (int i = 0; i < WARM_UP; i++) {
                message();
            }
            long last = nanos.get(WARM_UP - 1); // the first ones load classes
            if (last > BOUND.toNanos()) {
                abort("skipped: before the test began, a reply took " + last / 1_000_000 + " ms; the machine is busy");
            }
            nanos.clear();
        }

        Void sing() throws Exception {
            do {
                message();
            } while (!over.await(pause.toMillis(), TimeUnit.MILLISECONDS));
            return null;
        }

        private void message() throws IOException {
            String text = "canary " + number++;
            long start = System.nanoTime();
            assertThat(client.exchange(text)).isEqualTo(text);
            nanos.add(System.nanoTime() - start);
        }

        Duration slow() {
            if (nanos.size() < ENOUGH_FOR_P99) {
                return slowest();
            }
            List<Long> sorted = new ArrayList<>(nanos);
            Collections.sort(sorted);
            return Duration.ofNanos(sorted.get(sorted.size() * 99 / 100));
        }

        Duration slowest() {
            return Duration.ofNanos(Collections.max(nanos));
        }
    }

    /** One blocking thread a connection. */
    private static final class PlainEcho implements AutoCloseable {
        private final ServerSocket listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

        PlainEcho() throws IOException {
            EngineContract.async(() -> {
                try (Socket accepted = listening.accept()) {
                    accepted.setTcpNoDelay(true);
                    return accepted.getInputStream().transferTo(accepted.getOutputStream());
                }
            });
        }

        SocketAddress address() {
            return new InetSocketAddress(listening.getInetAddress(), listening.getLocalPort());
        }

        @Override
        public void close() throws IOException {
            listening.close();
        }
    }
}
