package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** These engines on the class path of a JVM that cannot load them: nothing breaks, and who asks for them hears why. */
class OlderJavaTest {
    private static final Path JVMS = Path.of("/usr/lib/jvm");

    @Test
    void anEngineAskedForByNameIsRefusedWithTheReason() throws Exception {
        for (String engine : List.of("epoll", "io_uring")) {
            assertThat(outputOf(engine))
                    .contains("ServerStartException: cannot use engine=" + engine
                            + ": needs a newer Java (rocketsockets-native: 22): this is ")
                    .contains("; run it on a newer JVM, or call engine(\"auto\")")
                    .doesNotContain("UnsupportedClassVersionError");
        }
    }

    @Test
    void anUnknownNameIsRefusedWithTheKnownOnes() throws Exception {
        assertThat(outputOf("warp")).contains("engine=warp is not one of [auto, epoll, io_uring, nio]");
    }

    @Test
    void autoFallsBackToTheEngineOfTheJdk() throws Exception {
        assertThat(outputOf("auto"))
                .containsPattern("\\A\\d+\nclosed: \\{\\}\n\\z"); // its port, and what it has closed
    }

    /** Of a server whose input has ended, so that it stops as soon as it has started. */
    private static String outputOf(String engine) throws Exception {
        Optional<Path> java = olderJava();
        assumeTrue(java.isPresent(), "skipped: no JVM of Java 17 to 21 in " + JVMS);
        Process process = new ProcessBuilder(
                        java.get().toString(),
                        "-cp",
                        ServerProcess.classPath(),
                        ServerProcess.class.getName(),
                        engine,
                        ServerProcess.Behaviour.ECHO.name(),
                        "0")
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor(20, SECONDS)).isTrue();
        return output;
    }

    private static Optional<Path> olderJava() throws IOException {
        if (!Files.isDirectory(JVMS)) {
            return Optional.empty();
        }
        try (Stream<Path> homes = Files.list(JVMS)) {
            return homes.filter(OlderJavaTest::isOlder)
                    .map(home -> home.resolve("bin/java"))
                    .findFirst();
        }
    }

    private static boolean isOlder(Path home) {
        try {
            return Files.isExecutable(home.resolve("bin/java"))
                    && Files.readString(home.resolve("release"))
                            .lines()
                            .anyMatch(line -> line.matches("JAVA_VERSION=\"(17|18|19|20|21)\\b.*"));
        } catch (IOException noRelease) {
            return false;
        }
    }
}
