package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Rows that take a tool: each test is the check of that name in {@code src/test/fire/run}, which sets the tool upon a server
 * in its own process, in a network namespace of its own, and skips what this machine cannot do.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
@Tag("process")
abstract class ToolContract extends EngineContract {
    private String name;

    /** Also from the modules beside this one, whose engines inherit the contract. */
    private static Path run() {
        Path module = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        return module.resolveSibling("rocketsockets-core").resolve("src/test/fire/run");
    }

    @BeforeEach
    void rememberName(TestInfo test) {
        name = test.getTestMethod().map(Method::getName).orElseThrow();
    }

    private void check(String check) throws Exception {
        for (String tool : List.of("bash", "python3")) {
            assumeTrue(Files.isExecutable(Path.of("/usr/bin", tool)), "skipped: no " + tool);
        }
        ProcessBuilder command = new ProcessBuilder(run().toString(), check).redirectErrorStream(true);
        command.environment()
                .putAll(Map.of(
                        "FIRE_JAVA", ServerProcess.java(),
                        "FIRE_CLASS_PATH", ServerProcess.classPath(),
                        "FIRE_ENGINE", engine(),
                        "FIRE_SECONDS", "2"));
        Process process = command.start();
        closeLater(process::destroy);
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        if (output.startsWith("SKIP")) {
            abort("skipped: " + output);
        }
        assertThat(output).startsWith("PASS " + check);
        assertThat(process.waitFor()).isZero();
    }

    // ---- System calls that fail ----

    @Test
    void b2_acceptWithoutMemoryOrDescriptors() throws Exception {
        check(name);
    }

    @Test
    void b3_acceptOfAConnectionThatIsGone() throws Exception {
        check(name);
    }

    @Test
    void c6_aReadFails() throws Exception {
        check(name);
    }

    @Test
    void d8_writesToADeadPeer() throws Exception {
        check(name);
    }

    @Test
    void d8_anInterruptedWriteIsRepeated() throws Exception {
        check(name);
    }

    @Test
    void d8_aWriteWithoutBuffersIsRepeated() throws Exception {
        check(name);
    }

    @Test
    void h4_systemCallsFail() throws Exception {
        check(name);
    }

    // ---- Tools of the JDK ----

    @Test
    void n11_aThreadDumpDisturbsNobody() throws Exception {
        check(name);
    }

    // ---- The network ----

    @Test
    @Tag("long")
    void p11_aFloodOfSyn() throws Exception {
        check(name);
    }

    // ---- What has a test without tools too ----

    static Stream<String> everyOther() throws Exception {
        Process list = new ProcessBuilder(run().toString(), "--list").start();
        List<String> own = Arrays.stream(ToolContract.class.getDeclaredMethods())
                .map(Method::getName)
                .toList();
        List<String> all = list.inputReader(UTF_8).lines().toList();
        assertThat(all)
                .containsAll(own.stream().filter(each -> each.contains("_")).toList());
        return all.stream().filter(each -> !own.contains(each));
    }

    @ParameterizedTest
    @MethodSource("everyOther")
    @Tag("long")
    void everyOtherCheck(String check) throws Exception {
        check(check);
    }
}
