package io.rocketsockets.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** The example in a process of its own, by the JVM that runs the test. */
final class ExampleProcess implements AutoCloseable {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    static final String JAVA_HOME = System.getProperty("java.home");

    private final Path output;
    private final Path errors;
    private final Process process;

    private ExampleProcess(Path output, Path errors, Process process) {
        this.output = output;
        this.errors = errors;
        this.process = process;
    }

    static ExampleProcess start(List<String> command) throws IOException {
        return start(command, Map.of());
    }

    /** @param environment added to that of this process */
    static ExampleProcess start(List<String> command, Map<String, String> environment) throws IOException {
        Path output = Files.createTempFile("example", ".out");
        Path errors = Files.createTempFile("example", ".err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(errors.toFile());
        builder.environment().put("JAVA_HOME", JAVA_HOME);
        builder.environment().putAll(environment);
        return new ExampleProcess(output, errors, builder.start());
    }

    String output() throws IOException {
        return Files.readString(output);
    }

    String errors() throws IOException {
        return Files.readString(errors);
    }

    /** What the pattern's group finds in the output, as soon as it does. */
    String awaitOutput(String pattern) {
        Pattern compiled = Pattern.compile(pattern);
        return await().atMost(DEADLINE)
                .until(() -> compiled.matcher(output()).results().findFirst(), Optional::isPresent)
                .map((MatchResult found) -> found.group(1))
                .orElseThrow();
    }

    /** The port on the loopback, once it runs. */
    int awaitPort() {
        awaitOutput("(example is running)");
        return Integer.parseInt(awaitOutput("127\\.0\\.0\\.1:(\\d+)"));
    }

    static void assertEcho(int port) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream().write("hello".getBytes(StandardCharsets.UTF_8));
            assertThat(socket.getInputStream().readNBytes(5)).asString().isEqualTo("hello");
        }
    }

    /** Sends SIGTERM. */
    void terminate() {
        process.destroy();
    }

    int exitStatus() throws InterruptedException {
        assertThat(process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        Files.delete(output);
        Files.delete(errors);
    }
}
