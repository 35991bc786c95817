package io.rocketsockets.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The jar as a newcomer runs it, with nothing but {@code java -jar}. */
class ExampleJarTest {
    private static ExampleProcess run(String... arguments) throws IOException {
        return run(List.of(), arguments);
    }

    /** @param wrapper a command that runs the command which follows it */
    private static ExampleProcess run(List<String> wrapper, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.addAll(List.of(
                Path.of(ExampleProcess.JAVA_HOME, "bin", "java").toString(),
                "-jar",
                Path.of("target", "example-daemon.jar").toAbsolutePath().toString()));
        command.addAll(List.of(arguments));
        return ExampleProcess.start(command);
    }

    @Test
    void echoesLogsAndStopsOnSigterm() throws Exception {
        try (ExampleProcess example = run("--port", "0", "--bind", "127.0.0.1", "--loops", "1")) {
            ExampleProcess.assertEcho(example.awaitPort());
            String id = example.awaitOutput("Socket (\\S+) connected\\.");
            example.awaitOutput("(5 bytes received from socket " + id + "\\.)");
            example.awaitOutput("(Socket " + id + " closed\\.)");

            example.terminate();
            assertThat(example.exitStatus()).isEqualTo(143);
            assertThat(example.output()).contains("example has stopped");
            assertThat(example.errors()).as("warnings of the JVM").isEmpty();
        }
    }

    @Test
    void helpShowsEveryOption() throws Exception {
        try (ExampleProcess example = run("--help")) {
            assertThat(example.exitStatus()).isZero();
            assertThat(example.output()).contains("--port", "--bind", "--loops", "--help", "--version", "run", "--");
            assertThat(example.errors()).isEmpty();
        }
    }

    @Test
    void versionIsThatOfTheManifest() throws Exception {
        try (ExampleProcess example = run("--version")) {
            assertThat(example.exitStatus()).isZero();
            assertThat(example.output()).matches("example \\d+\\.\\d+\\S*\\R");
        }
    }

    @Test
    void anUnknownOptionIsAUsageError() throws Exception {
        try (ExampleProcess example = run("--prot", "1")) {
            assertThat(example.exitStatus()).isEqualTo(64);
            assertThat(example.errors()).contains("--prot", "Usage: example");
        }
    }

    /** What systemd says of a service's standard output, said of this one; inherited, it may be about another. */
    @Test
    void theJournalGetsPrioritiesAndNoTime() throws Exception {
        String script = "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1); exec \"$@\"";
        try (ExampleProcess example =
                        run(List.of("sh", "-c", script, "sh"), "--port", "0", "--bind", "127.0.0.1", "--loops", "1");
                ExampleProcess elsewhere =
                        run(List.of("env", "JOURNAL_STREAM=1:1"), "--port", "0", "--bind", "127.0.0.1")) {
            example.awaitPort();
            elsewhere.awaitPort();
            example.terminate();
            assertThat(example.exitStatus()).isEqualTo(143);
            assertThat(example.output().lines()).allMatch(line -> line.startsWith("<6>"));
            assertThat(example.output()).contains("<6>example is running\n");
            assertThat(elsewhere.output()).containsPattern("\\d\\d INFO  example is running");
        }
    }
}
