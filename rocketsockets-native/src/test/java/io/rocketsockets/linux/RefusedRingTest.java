package io.rocketsockets.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is said where a container or an administrator forbids io_uring; strace plays their part. */
class RefusedRingTest {
    private static final Path STRACE = Path.of("/usr/bin/strace");

    /** In the process that is refused. */
    static final class Asking {
        private Asking() {}

        public static void main(String[] args) {
            Capabilities here = Capabilities.ofThisMachine();
            System.out.println("io_uring " + here.uring().orElse("works"));
            System.out.println("epoll " + here.epoll().orElse("works"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            EPERM  | is forbidden here: io_uring_setup: EPERM        | kernel.io_uring_disabled=
            ENOSYS | is not here: io_uring_setup: ENOSYS             | seccomp
            EINVAL | needs Linux 6.8: io_uring_setup: EINVAL         | use engine epoll
            ENOMEM | is refused: io_uring_setup: Cannot allocate memory | use engine epoll
            """)
    void a15_theReasonAndTheRemedyAreTold(String error, String reason, String remedy) throws Exception {
        assumeTrue(Files.isExecutable(STRACE), "skipped: no strace (apt install strace)");
        Process process = new ProcessBuilder(List.of(
                        STRACE.toString(),
                        "-f",
                        "-qq",
                        "-o",
                        "/dev/null",
                        "-e",
                        "trace=io_uring_setup",
                        "-e",
                        "inject=io_uring_setup:error=" + error,
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Asking.class.getName()))
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        assertThat(said).contains("io_uring " + reason, remedy, "epoll works");
    }
}
