package io.rocketsockets.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar as a newcomer runs it, with nothing but {@code java -jar}. */
class ExampleJarTest {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    @TempDir
    private Path folder;

    private Process process;

    private void run(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar",
                Path.of("target", "example-daemon.jar").toAbsolutePath().toString()));
        command.addAll(List.of(arguments));
        process = new ProcessBuilder(command)
                .redirectOutput(folder.resolve("out").toFile())
                .redirectError(folder.resolve("err").toFile())
                .start();
    }

    @AfterEach
    void end() {
        process.destroyForcibly();
    }

    private String output() throws IOException {
        return Files.readString(folder.resolve("out"));
    }

    private String errors() throws IOException {
        return Files.readString(folder.resolve("err"));
    }

    private int exitStatus() throws InterruptedException {
        assertThat(process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    /** What the pattern's group finds in the output, as soon as it does. */
    private String awaitOutput(String pattern) {
        Pattern compiled = Pattern.compile(pattern);
        return await().atMost(DEADLINE)
                .until(() -> compiled.matcher(output()).results().findFirst(), found -> found.isPresent())
                .map((MatchResult found) -> found.group(1))
                .orElseThrow();
    }

    @Test
    void echoesLogsAndStopsOnSigterm() throws Exception {
        run("--port", "0", "--bind", "127.0.0.1", "--loops", "1");
        awaitOutput("(example is running)");
        int port = Integer.parseInt(awaitOutput("127\\.0\\.0\\.1:(\\d+)"));
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream().write("hello".getBytes(StandardCharsets.UTF_8));
            assertThat(socket.getInputStream().readNBytes(5)).asString().isEqualTo("hello");
        }
        String id = awaitOutput("Socket (\\S+) connected\\.");
        awaitOutput("(5 bytes received from socket " + id + "\\.)");
        awaitOutput("(Socket " + id + " closed\\.)");

        process.destroy();
        assertThat(exitStatus()).isEqualTo(143);
        assertThat(output()).contains("example has stopped");
        assertThat(errors()).as("warnings of the JVM").isEmpty();
    }

    @Test
    void helpShowsEveryOption() throws Exception {
        run("--help");
        assertThat(exitStatus()).isZero();
        assertThat(output()).contains("--port", "--bind", "--loops", "--help", "--version", "run", "--");
        assertThat(errors()).isEmpty();
    }

    @Test
    void versionIsThatOfTheManifest() throws Exception {
        run("--version");
        assertThat(exitStatus()).isZero();
        assertThat(output()).matches("example \\d+\\.\\d+\\S*\\R");
    }

    @Test
    void anUnknownOptionIsAUsageError() throws Exception {
        run("--prot", "1");
        assertThat(exitStatus()).isEqualTo(64);
        assertThat(errors()).contains("--prot", "Usage: example");
    }
}
