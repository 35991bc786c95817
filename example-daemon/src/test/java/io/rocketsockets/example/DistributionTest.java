package io.rocketsockets.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive that the build makes, unpacked as an operator unpacks it. */
class DistributionTest {
    private static final Path ARCHIVE = Path.of("target", "example-daemon.tar.gz");

    /** Where the sample unit thinks that it is. */
    private static final String HOME_OF_THE_UNIT = "/opt/example";

    @TempDir
    private Path home;

    @BeforeEach
    void unpack() throws Exception {
        try (ExampleProcess tar = ExampleProcess.start(
                List.of("tar", "xzf", ARCHIVE.toString(), "-C", home.toString(), "--strip-components=1"))) {
            assertThat(tar.exitStatus()).as(tar.errors()).isZero();
        }
    }

    private ExampleProcess run(String program, String jvmOptions, String... arguments) throws IOException {
        List<String> command =
                new ArrayList<>(List.of(home.resolve("bin").resolve(program).toString()));
        command.addAll(List.of(arguments));
        return ExampleProcess.start(command, Map.of("JAVA_OPTS", jvmOptions));
    }

    private ExampleProcess serve(String jvmOptions) throws IOException {
        return run("example", jvmOptions, "--port", "0", "--bind", "127.0.0.1");
    }

    private void assertThatItServes(String jvmOptions) throws Exception {
        try (ExampleProcess example = serve(jvmOptions)) {
            ExampleProcess.assertEcho(example.awaitPort());
            example.terminate();
            assertThat(example.exitStatus()).isEqualTo(143);
            assertThat(example.output().lines())
                    .as("log, and nothing of the JVM")
                    .allMatch(l -> l.contains(" INFO "));
            assertThat(example.errors()).isEmpty();
        }
    }

    @Test
    void runsFromWhereItIsUnpacked() throws Exception {
        assertThatItServes("-Xmx64m");
    }

    @Test
    void startsFromTheArchiveOnceItIsPrepared() throws Exception {
        try (ExampleProcess prepare = run("prepare", "")) {
            assertThat(prepare.exitStatus()).as(prepare.errors()).isZero();
        }
        Path loaded = home.resolve("loaded");
        assertThatItServes("-Xlog:class+load:file=" + loaded);
        assertThat(Files.readAllLines(loaded))
                .anyMatch(line -> line.contains(ExampleDaemon.class.getName() + " source: shared objects file"))
                .as("what the flight recorder loads once it is asked for")
                .noneMatch(line -> line.contains("jdk.jfr.internal.MetadataRepository"));
    }

    @Test
    void anArchiveThatDoesNotFitIsNoticedByNobody() throws Exception {
        Files.writeString(home.resolve("lib").resolve("example.jsa"), "of another JVM");
        assertThatItServes("-Xmx64m");
    }

    @Test
    void theUnitIsWhatTheProgramWouldInstall() throws Exception {
        Path configuration = home.resolve("etc").resolve("example.properties");
        try (ExampleProcess example = run("example", "", "unit", "--config", configuration.toString())) {
            assertThat(example.exitStatus()).isZero();
            String unit = Files.readString(home.resolve("systemd").resolve("example.service"));
            assertThat(example.output().replace(home.toRealPath().toString(), HOME_OF_THE_UNIT))
                    .isEqualTo("# example.service\n" + unit);
        }
    }

    @Test
    void everyKeyOfTheSampleIsOne() throws Exception {
        Path sample = home.resolve("etc").resolve("example.properties");
        String inForce = Files.readString(sample).replaceAll("(?m)^#(?=[a-z])", "");
        assertThat(inForce).as("something is set").containsPattern("(?m)^endpoint\\.default\\.port");
        Files.writeString(sample, inForce);
        try (ExampleProcess example = run("example", "", "--check-config", "--config", sample.toString())) {
            assertThat(example.exitStatus()).as(example.errors()).isZero();
        }
    }
}
