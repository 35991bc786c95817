package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** What must be back where it was once a server has stopped: its threads, and the sockets and polls of the process. */
final class Leaks {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

    private final long before = descriptors();

    /** Threads are joined by {@code stop}. A closed client's descriptor may take a moment. */
    void assertNone() {
        assertThat(threads()).as("threads left").isEmpty();
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(descriptors())
                        .as("descriptors left open: %s", links())
                        .isLessThanOrEqualTo(before));
    }

    static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("rocketsockets-"))
                .toList();
    }

    /** Sockets, epoll and event descriptors and pipes; files come and go with class loading. 0 where there is no /proc. */
    static long descriptors() {
        return links().stream().filter(link -> !link.startsWith("/")).count();
    }

    private static List<String> links() {
        if (!Files.isDirectory(DESCRIPTORS)) {
            return List.of();
        }
        try (Stream<Path> descriptors = Files.list(DESCRIPTORS)) {
            return descriptors.map(Leaks::target).toList();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException closedMeanwhile) {
            return "/";
        }
    }
}
