package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.daemon.Invocation.UnitRequest;
import io.rocketsockets.messages.Golden;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnitFilesTest {
    private static final double WORST_EXPOSURE = 2.0;

    private static final Consumer<ServerConfigurator> TWO = x -> x.useDefaultEndpoint()
            .addEndpoint("admin", e -> e.bindTo("127.0.0.1").port(9000).backlog(7));

    @TempDir
    private Path folder;

    private static UnitFiles units(Consumer<ServerConfigurator> options, String... args) {
        DaemonConfiguration daemon = DaemonConfiguration.of(
                x -> x.name("example").displayName("An example").args(args));
        return new UnitFiles(
                daemon,
                Map.of("", ServerConfiguration.of(options)),
                daemon.invocation().unit(),
                List.of("/opt/example/bin/example"));
    }

    private static String service(Consumer<ServerConfigurator> options, String... args) {
        return units(options, args).texts().get("example.service");
    }

    private static String service(String... args) {
        return service(ServerConfigurator::useDefaultEndpoint, args);
    }

    // ---- Texts ----

    @Test
    void aServiceOfTheMachine() {
        Golden.assertMessage(service("unit", "--set", "acceptRate=9", "--", "a b", "50%"), "unit-service");
    }

    @Test
    void aServiceOfAUser() {
        Golden.assertMessage(service("unit", "--user"), "unit-user-service");
    }

    @Test
    void oneSocketIsInputOfTheService() {
        Map<String, String> texts = units(ServerConfigurator::useDefaultEndpoint, "unit", "--sockets")
                .texts();
        assertThat(texts).containsOnlyKeys("example.socket", "example.service");
        Golden.assertMessage(texts.get("example.socket"), "unit-socket");
        assertThat(texts.get("example.service"))
                .contains("Requires=example.socket\nAfter=example.socket\n")
                .contains("\nStandardInput=socket\nStandardOutput=journal\nStandardError=journal\n");
    }

    @Test
    void severalSocketsAreNamedAfterTheirEndpoints() {
        Map<String, String> texts = units(TWO, "unit", "--sockets").texts();
        assertThat(texts.keySet()).containsExactly("example-default.socket", "example-admin.socket", "example.service");
        assertThat(texts.get("example-default.socket"))
                .contains("\nListenStream=8998\nFileDescriptorName=default\nBacklog=4096\n");
        assertThat(texts.get("example-admin.socket"))
                .contains("\nListenStream=127.0.0.1:9000\nFileDescriptorName=admin\nBacklog=7\n");
        assertThat(texts.get("example.service"))
                .contains("Requires=example-default.socket example-admin.socket\n")
                .doesNotContain("StandardInput");
    }

    @Test
    void anAccountTakesThePlaceOfTheOneThatSystemdMakes() {
        assertThat(service("unit", "-a", "www")).contains("\nUser=www\n").doesNotContain("DynamicUser");
        assertThat(service("install", "--account=www")).contains("\nUser=www\n");
    }

    /** systemd holds sockets of the server without a prefix only. */
    @Test
    void aLowPortOfAnotherServerNeedsItEvenWithSockets() {
        DaemonConfiguration daemon =
                DaemonConfiguration.of(x -> x.name("example").args("unit", "--sockets"));
        Consumer<ServerConfigurator> low = x -> x.addEndpoint("web", e -> e.port(80));
        UnitFiles units = new UnitFiles(
                daemon,
                Map.of(
                        "",
                        ServerConfiguration.of(ServerConfigurator::useDefaultEndpoint),
                        "admin.",
                        ServerConfiguration.of(low)),
                daemon.invocation().unit(),
                List.of("/opt/example/bin/example"));
        assertThat(units.texts()).containsOnlyKeys("example.socket", "example.service");
        assertThat(units.texts().get("example.service")).contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n");
    }

    @Test
    void aLowPortNeedsOneCapability() {
        Consumer<ServerConfigurator> low = x -> x.addEndpoint("web", e -> e.port(80));
        assertThat(service(low, "unit"))
                .contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n")
                .contains("\nPrivateUsers=no\n");
        assertThat(service(low, "unit", "--sockets")).contains("\nCapabilityBoundingSet=\n");
    }

    @Test
    void timeoutsAreLongerThanOurs() {
        assertThat(service(
                        "unit",
                        "--set=daemon.drainDelay=5s",
                        "--set=daemon.stopTimeout=10s",
                        "--set=daemon.startTimeout=100s"))
                .contains("\nTimeoutStartSec=110\nTimeoutStopSec=25\n");
    }

    @Test
    void aSocketNeedsAnAddress() {
        assertThatThrownBy(() -> service(x -> x.addEndpoint("a", e -> e.port(0)), "unit", "--sockets"))
                .hasMessage("endpoint=a port=0 is none that a socket unit could listen on; give the endpoint a port");
        assertThatThrownBy(() ->
                        service(x -> x.addEndpoint("a", e -> e.bindTo("no.such.host.invalid")), "unit", "--sockets"))
                .hasMessage("endpoint=a host=no.such.host.invalid is unknown; bind to an address of this machine");
    }

    @Test
    void aUnixSocketHasItsFolderBelowRun() {
        Consumer<ServerConfigurator> unix = x -> x.addEndpoint(
                "a", e -> e.bindTo("unix:/run/example/app.sock").port(80).socketMode("660"));
        assertThat(service(unix, "unit"))
                .contains("\nRuntimeDirectory=example\n")
                .contains("\nCapabilityBoundingSet=\n");
        assertThat(service(unix, "unit", "--sockets")).doesNotContain("RuntimeDirectory");
        assertThat(units(unix, "unit", "--sockets").texts().get("example.socket"))
                .contains("\nListenStream=/run/example/app.sock\n")
                .contains("\nSocketMode=660\n")
                .doesNotContain("NoDelay");
        assertThatThrownBy(() -> service(x -> x.addEndpoint("a", e -> e.bindTo("unix:run/a")), "unit", "--sockets"))
                .hasMessage("endpoint=a host=unix:run/a is relative, which a socket unit does not know;"
                        + " bind to the whole path");
    }

    // ---- The program ----

    @Test
    void pathsOfTheProgramAreWhole() {
        String here = Path.of("").toAbsolutePath().toString();
        assertThat(UnitFiles.absolute(List.of("-Xmx1g", "-cp", "a.jar" + File.pathSeparator + "/b.jar", "Main")))
                .containsExactly("-Xmx1g", "-cp", here + "/a.jar" + File.pathSeparator + "/b.jar", "Main");
        assertThat(UnitFiles.absolute(List.of("-jar", "target/x.jar"))).containsExactly("-jar", here + "/target/x.jar");
    }

    @Test
    void theProgramIsThatOfThisProcess() {
        assertThat(UnitFiles.programOfThisProcess(0).get(0)).endsWith("/bin/java");
    }

    @Test
    void aProgramThatTheServiceCannotSeeIsFound() {
        DaemonConfiguration daemon = DaemonConfiguration.of(x -> x.args("unit"));
        UnitRequest machine = daemon.invocation().unit();
        List<String> atHome = List.of("/usr/bin/java", "-cp", "/opt/a.jar:/home/me/b.jar", "Main");
        assertThat(new UnitFiles(daemon, Map.of(), machine, atHome).hiddenProgram())
                .isEqualTo("/home/me/b.jar");
        assertThat(new UnitFiles(daemon, Map.of(), machine, List.of("/opt/x")).hiddenProgram())
                .isNull();
        UnitRequest user = DaemonConfiguration.of(x -> x.args("unit", "--user"))
                .invocation()
                .unit();
        assertThat(new UnitFiles(daemon, Map.of(), user, atHome).hiddenProgram())
                .isNull();
    }

    // ---- What systemd says ----

    private Path written(Map<String, String> texts, String name) throws Exception {
        for (Map.Entry<String, String> each : texts.entrySet()) {
            Files.writeString(
                    folder.resolve(each.getKey()), each.getValue().replace("/opt/example/bin/example", "/bin/true"));
        }
        return folder.resolve(name);
    }

    @Test
    void systemdFindsNothingWrong() throws Exception {
        Tool.assume("systemd-analyze");
        Map<String, String> texts = units(TWO, "unit", "--sockets", "--", "it's \"quoted\" $HOME %h \\")
                .texts();
        assertThat(Tool.run(
                        "systemd-analyze",
                        "verify",
                        written(texts, "example.service").toString()))
                .isEqualTo(new Tool.Result(0, ""));
        assertThat(Tool.run(
                        "systemd-analyze",
                        "verify",
                        written(texts, "example-admin.socket").toString()))
                .isEqualTo(new Tool.Result(0, ""));
    }

    @Test
    void theServiceIsHardened() throws Exception {
        Tool.assume("systemd-analyze");
        String unit = written(
                        units(ServerConfigurator::useDefaultEndpoint, "unit").texts(), "example.service")
                .toString();
        Tool.Result result = Tool.run("systemd-analyze", "security", "--offline=true", "--no-pager", unit);
        Matcher exposure = Pattern.compile("Overall exposure level for example.service: ([\\d.]+)")
                .matcher(result.output());
        assertThat(exposure.find()).as(result.output()).isTrue();
        assertThat(Double.parseDouble(exposure.group(1))).isLessThanOrEqualTo(WORST_EXPOSURE);
    }
}
