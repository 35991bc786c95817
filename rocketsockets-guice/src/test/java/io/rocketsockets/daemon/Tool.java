package io.rocketsockets.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** A program of the system; a test that needs one which is not there is skipped, and says so. */
public final class Tool {
    private Tool() {}

    /** @param output of both streams */
    record Result(int status, String output) {}

    public static void assume(String program) {
        boolean isThere = Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
        assumeTrue(isThere, "skipped: there is no " + program);
    }

    static Result run(String... command) throws Exception {
        Process process = start(List.of(command));
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Result(process.waitFor(), output);
    }

    static Process start(List<String> command) throws IOException {
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    static void assertSucceeds(String... command) throws Exception {
        Result result = run(command);
        assertThat(result.status())
                .as("%s: %s", List.of(command), result.output())
                .isZero();
    }
}
