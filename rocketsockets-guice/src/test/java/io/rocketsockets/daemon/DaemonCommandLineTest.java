package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.daemon.Invocation.Command;
import io.rocketsockets.messages.Golden;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Option;

class DaemonCommandLineTest {
    @CommandLine.Command(description = "Answers what it hears.", mixinStandardHelpOptions = true)
    public static class Options {
        @Option(names = "--port", paramLabel = "PORT", description = "where to listen (default: ${DEFAULT-VALUE})")
        public int port = 8998;
    }

    @TempDir
    private Path folder;

    private final Options options = new Options();

    private DaemonConfiguration with(String... args) {
        return DaemonConfiguration.of(x -> x.name("example").args(args).options(options));
    }

    @Test
    void runIsTheDefault() {
        assertThat(with().answer()).isNull();
        assertThat(with("run").answer()).isNull();
    }

    @Test
    void optionsAreFilledWithAndWithoutRun() {
        with("--port", "1");
        assertThat(options.port).isEqualTo(1);
        with("run", "--port", "2");
        assertThat(options.port).isEqualTo(2);
        with("--port=3", "run");
        assertThat(options.port).isEqualTo(3);
    }

    @Test
    void optionsKeepTheirDefaults() {
        with("run");
        assertThat(options.port).isEqualTo(8998);
    }

    @Test
    void whatFollowsTheDashesIsForTheServices() {
        DaemonConfiguration configuration = with("run", "--port=4", "--", "--port=5", "--help", "--", "word");
        assertThat(configuration.answer()).isNull();
        assertThat(configuration.arguments().values()).containsExactly("--port=5", "--help", "--", "word");
        assertThat(options.port).isEqualTo(4);
    }

    @Test
    void withoutDashesThereAreNoArguments() {
        assertThat(with("run").arguments().values()).isEmpty();
        assertThat(with("run", "--").arguments().values()).isEmpty();
    }

    @Test
    void helpShowsTheOptionsOfTheApplicationToo() {
        assertAnswer(with("--help"), ExitStatus.OK, "help");
        assertAnswer(with("run", "--help"), ExitStatus.OK, "help-run");
    }

    @Test
    void helpNeedsNoOptionsOfTheApplication() {
        assertAnswer(DaemonConfiguration.of(x -> x.args("--help")), ExitStatus.OK, "help-bare");
    }

    @Test
    void versionComesFromTheManifest() {
        Invocation asked = new DaemonCommandLine("example", "1.2", null).parse(List.of("--version"));
        assertThat(asked.answer()).isEqualTo(new Invocation.Answer(ExitStatus.OK, "example 1.2"));
    }

    @Test
    void anOptionThatIsUnknownGetsAUsageLine() {
        assertAnswer(with("--prot=1"), ExitStatus.USAGE, "unknown-option");
        assertAnswer(with("run", "--prot=1"), ExitStatus.USAGE, "unknown-option-run");
    }

    @Test
    void aWordThatIsUnknownIsNoArgument() {
        assertAnswer(with("instal"), ExitStatus.USAGE, "unknown-word");
    }

    @Test
    void aValueOfTheWrongTypeGetsAUsageLine() {
        assertAnswer(with("--port", "http"), ExitStatus.USAGE, "wrong-type");
    }

    @Test
    void aCommandIsAskedFor() {
        assertThat(with("install").invocation().command()).isEqualTo(Command.INSTALL);
        assertThat(with("uninstall").invocation().command()).isEqualTo(Command.UNINSTALL);
        assertThat(with("unit").invocation().command()).isEqualTo(Command.UNIT);
        assertThat(with("status", "--user").invocation().unit().isUser()).isTrue();
        assertThat(with("--print-config").invocation().command()).isEqualTo(Command.PRINT_CONFIG);
        assertThat(with("run", "--check-config").invocation().command()).isEqualTo(Command.CHECK_CONFIG);
    }

    @Test
    void theSpellingOfTheOriginalIsUnderstood() {
        Invocation install = with("-a", "www", "-i", "-s", "-u", "x").invocation();
        assertThat(install.command()).isEqualTo(Command.INSTALL);
        assertThat(install.unit().account()).isEqualTo("www");
        assertThat(install.arguments().values()).containsExactly("-u", "x");
        assertThat(with("-u").invocation().command()).isEqualTo(Command.UNINSTALL);
        assertThat(with("--install").invocation().command()).isEqualTo(Command.INSTALL);
    }

    @Test
    void anOptionOfTheApplicationGoesBeforeTheSpellingOfTheOriginal() {
        class Mine {
            @Option(names = "-s")
            boolean silent;
        }
        Mine mine = new Mine();
        DaemonConfiguration configuration =
                DaemonConfiguration.of(x -> x.options(mine).args("-s"));
        assertThat(mine.silent).isTrue();
        assertThat(configuration.arguments().values()).isEmpty();
    }

    @Test
    void whatTheServiceRunsWithIsKept() {
        Invocation.UnitRequest unit = with(
                        "--port=5",
                        "install",
                        "--user",
                        "--enable",
                        "--config",
                        "my.properties",
                        "--set",
                        "a=b c",
                        "--set=d=e",
                        "--",
                        "-x")
                .invocation()
                .unit();
        assertThat(unit.words())
                .containsExactly(
                        "--port=5",
                        "--config=" + Path.of("my.properties").toAbsolutePath(),
                        "--set=a=b c",
                        "--set=d=e",
                        "--",
                        "-x");
        assertThat(unit.enables()).isTrue();
        assertThat(unit.starts()).isFalse();
    }

    @Test
    void completionIsAScriptThatBashUnderstands() throws Exception {
        Invocation.Answer answer = with("completion").answer();
        assertThat(answer.status()).isEqualTo(ExitStatus.OK);
        assertThat(answer.text()).contains("uninstall", "--print-config", "--port", "zsh");
        Tool.assume("bash");
        Path script = Files.writeString(folder.resolve("completion"), answer.text());
        Tool.assertSucceeds("bash", "-n", script.toString());
        assertThat(Tool.run(
                                "bash",
                                "-c",
                                "source " + script
                                        + "; COMP_WORDS=(example unin); COMP_CWORD=1; _complete_example 2>/dev/null; echo $COMPREPLY")
                        .output())
                .isEqualTo("uninstall\n");
    }

    @Test
    void helpOfTheOtherCommands() {
        assertAnswer(with("install", "--help"), ExitStatus.OK, "help-install");
        assertAnswer(with("uninstall", "--help"), ExitStatus.OK, "help-uninstall");
    }

    @Test
    void timeoutsArePositive() {
        assertThatThrownBy(() -> DaemonConfiguration.of(x -> x.startTimeout(Duration.ZERO)))
                .hasMessage("startTimeout=PT0S is not positive; pass at least 1 ms");
        assertThatThrownBy(() -> DaemonConfiguration.of(x -> x.stopTimeout(Duration.ofSeconds(-1))))
                .hasMessage("stopTimeout=PT-1S is not positive; pass at least 1 ms");
    }

    private static void assertAnswer(DaemonConfiguration configuration, ExitStatus status, String golden) {
        assertThat(configuration.answer()).isNotNull();
        assertThat(configuration.answer().status()).isEqualTo(status);
        Golden.assertMessage(configuration.answer().text(), golden);
    }
}
