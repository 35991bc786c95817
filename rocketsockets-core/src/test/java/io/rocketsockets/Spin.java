package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;

/** The spin check: what the loops' threads use of a processor while nothing is to be done, by the kernel's books. */
final class Spin {
    private static final Path TASKS = Path.of("/proc/self/task");

    /** Short, since every test looks; a loop that spins uses all of it. */
    private static final Duration LOOK = Duration.ofMillis(10);

    /** The end of a test leaves the loops some work: sockets to close, a timer or two. */
    private static final int LOOKS = 200;

    private static final double QUIET = 0.2;

    private Spin() {}

    static boolean isMeasured() {
        return Files.isReadable(TASKS.resolve(ProcessHandle.current().pid() + "/schedstat"));
    }

    /** The loops come to rest within two seconds. */
    static void assertNone() throws IOException {
        if (isMeasured()) {
            double share = 1;
            for (int i = 0; i < LOOKS && share > QUIET; i++) {
                share = share(LOOK);
            }
            assertThat(share).as("share of a core that the loops use at rest").isLessThanOrEqualTo(QUIET);
        }
    }

    /** Which share of a core. */
    static double share(Duration time) throws IOException {
        long began = System.nanoTime();
        long before = loopNanos();
        EngineContract.pass(time);
        return (loopNanos() - before) / (double) (System.nanoTime() - began);
    }

    private static long loopNanos() throws IOException {
        try (Stream<Path> threads = Files.list(TASKS)) {
            return threads.mapToLong(Spin::nanosOfALoop).sum();
        }
    }

    /** 0 of other threads, and of one that has ended since it was listed. */
    private static long nanosOfALoop(Path thread) {
        try {
            // The kernel keeps 15 characters of "rocketsockets-loop-0".
            boolean isLoop = Files.readString(thread.resolve("comm")).startsWith("rocketsockets-l");
            return isLoop
                    ? Long.parseLong(
                            Files.readString(thread.resolve("schedstat")).split(" ")[0])
                    : 0;
        } catch (IOException ended) {
            return 0;
        }
    }
}
