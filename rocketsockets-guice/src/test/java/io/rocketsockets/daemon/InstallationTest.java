package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.daemon.Invocation.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With a {@code systemctl} that only writes down what it is asked; under a real one: see CONTRIBUTING.md. */
class InstallationTest {
    @TempDir
    private Path root;

    private Path folder;
    private Path calls;
    private Path systemctl;

    @BeforeEach
    void systemctl() throws IOException {
        folder = Files.createDirectory(root.resolve("units"));
        calls = Files.createFile(root.resolve("calls"));
        systemctl = root.resolve("systemctl");
        refuse("nothing");
        Files.setPosixFilePermissions(systemctl, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** One verb fails from now on. */
    private void refuse(String verb) throws IOException {
        Files.writeString(systemctl, """
                #!/bin/sh
                echo "$@" >> %s
                case "$1" in
                %s) echo refused; exit 4;;
                show) echo ActiveState=active; echo MainPID=7;;
                esac
                """.formatted(calls, verb));
    }

    private List<String> calls() throws IOException {
        List<String> lines = Files.readAllLines(calls);
        Files.writeString(calls, "");
        return lines;
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private String text(String file) throws IOException {
        return Files.readString(folder.resolve(file));
    }

    private Installation installation(boolean isBooted) {
        return new Installation("example", folder, false, isBooted, systemctl.toString());
    }

    private Answer install(String... args) {
        return install(true, "/opt/example", args);
    }

    private Answer install(boolean isBooted, String program, String... args) {
        DaemonConfiguration daemon = DaemonConfiguration.of(x -> x.name("example")
                .args(Stream.concat(Stream.of("install"), Stream.of(args)).toArray(String[]::new)));
        UnitFiles units = new UnitFiles(
                daemon,
                Map.of("", ServerConfiguration.of(ServerConfigurator::useDefaultEndpoint)),
                daemon.invocation().unit(),
                List.of(program));
        return installation(isBooted).install(units, daemon.invocation().unit());
    }

    private Answer uninstall(String... args) {
        DaemonConfiguration daemon = DaemonConfiguration.of(x ->
                x.args(Stream.concat(Stream.of("uninstall"), Stream.of(args)).toArray(String[]::new)));
        return installation(true).uninstall(daemon.invocation().unit());
    }

    private static void assertRefused(Answer answer, String... parts) {
        assertThat(answer.status()).isEqualTo(ExitStatus.UNAVAILABLE);
        assertThat(answer.text()).contains(parts);
    }

    // ---- Install ----

    @Test
    void installWritesTheUnitAndTellsSystemd() throws Exception {
        assertThat(install())
                .isEqualTo(Answer.ok("create: " + folder + "/example.service\nnext: systemctl start example"));
        assertThat(files()).containsExactly("example.service");
        assertThat(text("example.service")).startsWith(UnitFiles.MARK + "example\n");
        assertThat(calls()).containsExactly("daemon-reload");
    }

    @Test
    void installEnablesAndStarts() throws Exception {
        assertThat(install("--sockets", "--enable", "--now").status()).isEqualTo(ExitStatus.OK);
        assertThat(files()).containsExactly("example.service", "example.socket");
        assertThat(calls())
                .containsExactly(
                        "daemon-reload",
                        "enable example.socket example.service",
                        "stop example.service",
                        "start example.socket",
                        "restart example.service");
    }

    @Test
    void installingAgainChangesNothing() throws Exception {
        install();
        calls();
        assertThat(install().text()).startsWith("unchanged: ");
        assertThat(calls()).isEmpty();
        assertThat(install("--set=acceptRate=1").text()).startsWith("replace: ");
        assertThat(text("example.service")).contains("--set=acceptRate=1");
    }

    @Test
    void aDryRunOnlyTells() throws Exception {
        assertThat(install("--dry-run", "--enable", "--now").text())
                .startsWith("create: " + folder + "/example.service")
                .contains("ExecStart=/opt/example run")
                .endsWith("dry run: nothing was changed");
        assertThat(files()).isEmpty();
        assertThat(calls()).isEmpty();
    }

    @Test
    void whatFailsHalfWayIsUndone() throws Exception {
        refuse("restart");
        assertRefused(install("--enable", "--now"), "restart example.service' ended with status 4: refused");
        assertThat(files()).isEmpty();
        assertThat(calls())
                .containsExactly(
                        "daemon-reload",
                        "enable example.service",
                        "restart example.service",
                        "disable --now example.service",
                        "daemon-reload");
        refuse("nothing");
        assertThat(install("--enable", "--now").status()).isEqualTo(ExitStatus.OK);
    }

    @Test
    void aFailedReplacementBringsTheOldUnitBack() throws Exception {
        install();
        String before = text("example.service");
        refuse("daemon-reload");
        assertRefused(install("--set=acceptRate=1"), "daemon-reload' ended with status 4");
        assertThat(text("example.service")).isEqualTo(before);
        assertThat(files()).containsExactly("example.service");
    }

    @Test
    void withoutARunningSystemdTheUnitWaitsForIt() throws Exception {
        assertThat(install(false, "/opt/example", "--enable").status()).isEqualTo(ExitStatus.OK);
        assertThat(calls()).containsExactly("enable example.service");
        assertRefused(install(false, "/opt/example", "--now"), "--now: systemd does not run on this machine");
    }

    @Test
    void aProgramThatItCouldNotSeeIsRefused() throws Exception {
        assertRefused(
                install(true, "/home/me/example"),
                "program=/home/me/example is hidden from a service of the machine",
                "install with --user");
        assertThat(files()).isEmpty();
    }

    @Test
    void aFileOfSomebodyElseIsLeftAlone() throws Exception {
        Files.writeString(folder.resolve("example.service"), "[Service]\n");
        assertRefused(install(), "example.service was written by somebody else");
        assertRefused(uninstall(), "example.service was written by somebody else");
        assertThat(text("example.service")).isEqualTo("[Service]\n");
        assertThat(calls()).isEmpty();
    }

    @Test
    void aFolderThatIsNotThereMeansNoSystemd() throws Exception {
        Files.delete(folder);
        assertRefused(install(), "does not exist; this machine has no systemd, use the run command");
        assertThat(uninstall().text()).isEqualTo("example is not installed");
    }

    @Test
    void aLackOfRightsIsToldAndLeavesNothing() throws Exception {
        assumeFalse(System.getProperty("user.name").equals("root"), "skipped: nothing is forbidden to root");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
        assertRefused(install(), "permission denied; run it as root, or with --user for yourself");
        assertThat(files()).isEmpty();
    }

    @Test
    void aSystemctlThatIsNotThereIsTold() throws Exception {
        Files.delete(systemctl);
        assertRefused(install(), "cannot be run", "is systemd installed?");
        assertThat(files()).isEmpty();
    }

    // ---- Uninstall ----

    @Test
    void uninstallLeavesNothing() throws Exception {
        install("--sockets", "--enable", "--now");
        Files.writeString(folder.resolve("example-of-others.socket"), "[Socket]\n");
        calls();
        assertThat(uninstall())
                .isEqualTo(Answer.ok("remove: " + folder + "/example.socket\nremove: " + folder + "/example.service"));
        assertThat(files()).containsExactly("example-of-others.socket");
        assertThat(calls())
                .containsExactly(
                        "disable --now example.socket example.service",
                        "daemon-reload",
                        "reset-failed example.socket example.service");
    }

    @Test
    void uninstallingAgainHasNothingToDo() throws Exception {
        assertThat(uninstall()).isEqualTo(Answer.ok("example is not installed"));
        assertThat(calls()).isEmpty();
    }

    @Test
    void aDryRunOfUninstallOnlyTells() throws Exception {
        install();
        calls();
        assertThat(uninstall("--dry-run").text()).contains("would remove: ").endsWith("nothing was changed");
        assertThat(files()).containsExactly("example.service");
        assertThat(calls()).isEmpty();
    }

    @Test
    void anUninstallThatFailsKeepsTheFiles() throws Exception {
        install();
        refuse("disable");
        assertRefused(uninstall(), "disable --now example.service' ended with status 4");
        assertThat(files()).containsExactly("example.service");
    }

    // ---- Status ----

    @Test
    void statusTellsWhetherItRuns() throws Exception {
        assertRefused(installation(true).status(), "service=example is not installed");
        install();
        assertThat(installation(true).status()).isEqualTo(Answer.ok("example runs: ActiveState=active MainPID=7"));
        assertRefused(installation(false).status(), "systemd does not run on this machine");
        Files.writeString(systemctl, "#!/bin/sh\necho ActiveState=failed\n");
        assertRefused(installation(true).status(), "does not run: ActiveState=failed; see journalctl -u example");
    }
}
