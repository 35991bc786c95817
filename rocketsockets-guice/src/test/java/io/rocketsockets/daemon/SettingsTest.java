package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.rocketsockets.ConnectionLimits.Surplus;
import io.rocketsockets.EndpointConfigurator;
import io.rocketsockets.LoadBalancer;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurationException;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.Timeouts;
import io.rocketsockets.daemon.Settings.Effective;
import io.rocketsockets.tls.TlsConfiguration;
import io.rocketsockets.tls.TlsConfigurator;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsTest {
    private static final Consumer<ServerConfigurator> PROGRAM =
            x -> x.eventLoops(2).useDefaultEndpoint().addEndpoint("admin", e -> e.port(9000));

    @TempDir
    private Path folder;

    private static Settings settings(String... assignments) {
        return new Settings(null, Map.of(), List.of(assignments), InheritedSockets.NONE);
    }

    private static ServerConfiguration configure(Settings settings) {
        return ServerConfiguration.of(PROGRAM.andThen(x -> settings.applyTo(x, "", Set.of())));
    }

    private static List<String> errorsOf(Settings settings) {
        return catchThrowableOfType(ServerConfigurationException.class, () -> configure(settings))
                .errors();
    }

    private Path file(String text) throws Exception {
        return Files.writeString(folder.resolve("test.properties"), text);
    }

    private static Effective effective(Settings settings, String key) {
        return settings.effective(DaemonConfiguration.DEFAULT, Map.of("", configure(settings))).stream()
                .filter(each -> each.key().equals(key))
                .findFirst()
                .orElseThrow();
    }

    // ---- Completeness ----

    /** What is made of code, or is said by another key. */
    private static final Map<Class<?>, Set<String>> NO_TEXT = Map.of(
            ServerConfigurator.class,
            Set.of("useDefaultEndpoint", "addEndpoint", "eachEndpoint", "reject", "listener", "blockingHandlers"),
            EndpointConfigurator.class,
            Set.of("bindToAll", "timeouts", "tls"),
            TlsConfigurator.class,
            Set.of("keyStore", "context", "withoutCertificates", "name", "onDemand"),
            DaemonConfigurator.class,
            Set.of("args", "name", "service", "options"));

    private static Set<String> methods(Class<?> type, Class<?> returned) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
                .filter(method -> method.getReturnType() == returned)
                .filter(method -> returned != Timeouts.class || method.getParameterCount() == 1)
                .map(Method::getName)
                .filter(name -> !NO_TEXT.getOrDefault(type, Set.of()).contains(name))
                .collect(Collectors.toSet());
    }

    private static Set<String> names(List<? extends Setting<?, ?>> table, String prefix) {
        return table.stream()
                .map(Setting::name)
                .filter(name -> name.contains(".") ? name.startsWith(prefix) && !prefix.isEmpty() : prefix.isEmpty())
                .map(name -> name.substring(prefix.length()))
                .collect(Collectors.toSet());
    }

    @Test
    void everyOptionHasAKey() {
        assertThat(names(SettingTable.SERVER, ""))
                .as("a line in SettingTable.SERVER for each option of the server")
                .isEqualTo(methods(ServerConfigurator.class, ServerConfigurator.class));
        assertThat(names(SettingTable.ENDPOINT, ""))
                .as("a line in SettingTable.ENDPOINT for each option of an endpoint")
                .isEqualTo(methods(EndpointConfigurator.class, EndpointConfigurator.class));
        assertThat(names(SettingTable.ENDPOINT, "timeouts."))
                .as("a line in SettingTable.ENDPOINT for each timeout")
                .isEqualTo(methods(Timeouts.class, Timeouts.class));
        assertThat(names(SettingTable.ENDPOINT, "tls."))
                .as("a line in SettingTable.ENDPOINT for each option of TLS")
                .isEqualTo(methods(TlsConfigurator.class, TlsConfigurator.class));
        assertThat(names(SettingTable.DAEMON, ""))
                .as("a line in SettingTable.DAEMON for each option of the daemon")
                .isEqualTo(methods(DaemonConfigurator.class, DaemonConfigurator.class));
    }

    // ---- Values ----

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            engine                                     | nio
            eventLoops                                 | 3
            loadBalancer                               | leastBusy
            rebalancing                                | false
            stallLimit                                 | 250ms
            readBufferSize                             | 64K
            writeBufferSize                            | 4K
            writeWaterMarks                            | 1K,2K
            writeQueueLimit                            | 4M
            unsentBytesLimit                           | 1000000000
            maxConnections                             | 7
            maxConnectionsPerAddress                   | 6
            acceptRate                                 | 5
            surplusConnections                         | refuse
            secureWithCertFrom                         | /etc/cert.pem
            endpoint.admin.bindTo                      | localhost
            endpoint.admin.port                        | 0
            endpoint.admin.socketMode                  | 660
            endpoint.admin.adopt                       | 5
            endpoint.admin.backlog                     | 9
            endpoint.admin.maxConnections              | 4
            endpoint.admin.halfClose                   | true
            endpoint.admin.keepAlive                   | 1m,10s,6
            endpoint.admin.proxyProtocol               | required 4s 10.0.0.0/8 ::1
            endpoint.admin.tls.certFrom                | a.p12,chain.pem key.pem
            endpoint.admin.tls.clientCertificates      | need /etc/ssl/clients.pem
            endpoint.admin.tls.refuseUnknownNames      | true
            endpoint.admin.tls.applicationProtocols    | h2,http/1.1
            endpoint.admin.tls.protocols               | TLSv1.3
            endpoint.admin.tls.cipherSuites            | TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256
            endpoint.admin.tls.handshakeTimeout        | 3s
            endpoint.admin.tls.maxHandshakes           | 9
            endpoint.admin.timeouts.firstByte          | 1h
            endpoint.default.timeouts.minReadRate      | 0
            """)
    void whatIsSetIsInForceAndShownAsItWasWritten(String key, String value) {
        Effective shown = effective(settings(key + "=" + value), key);
        assertThat(shown.value()).isEqualTo(value);
        assertThat(shown.origin()).isEqualTo("--set");
    }

    @Test
    void theProgramSeesWhatWasSet() {
        ServerConfiguration set = configure(settings(
                "eventLoops = 4",
                "surplusConnections=REFUSE",
                "loadBalancer=byremoteaddress",
                "stallLimit=PT3S",
                "readBufferSize=1mib",
                "endpoint.admin.port=9001",
                "endpoint.default.timeouts.idle=0"));
        assertThat(set.eventLoops()).isEqualTo(4);
        assertThat(set.connectionLimits().surplus()).isEqualTo(Surplus.REFUSE);
        assertThat(set.loadBalancer()).isSameAs(LoadBalancer.byRemoteAddress());
        assertThat(set.stallLimit()).isEqualTo(Duration.ofSeconds(3));
        assertThat(set.readBufferSize()).isEqualTo(1024 * 1024);
        assertThat(set.endpoints().get(0).port()).isEqualTo(8998);
        assertThat(set.endpoints().get(0).timeouts().idle()).isZero();
        assertThat(set.endpoints().get(1).port()).isEqualTo(9001);
        assertThat(set.endpoints().get(1).timeouts()).isEqualTo(Timeouts.DEFAULT);
    }

    @Test
    void theDaemonSeesWhatWasSet() {
        DaemonConfiguration daemon = DaemonConfiguration.of(x -> x.args(
                        "--set=daemon.stopTimeout=3s",
                        "--set",
                        "daemon.healthEndpoint=[::1]:8999",
                        "--set=daemon.readyFile=/run/ready")
                .stopTimeout(Duration.ofSeconds(9)));
        assertThat(daemon.stopTimeout()).isEqualTo(Duration.ofSeconds(3));
        assertThat(daemon.healthEndpoint().getHostString()).isEqualTo("::1");
        assertThat(daemon.healthEndpoint().getPort()).isEqualTo(8999);
        assertThat(daemon.readyFile()).isEqualTo(Path.of("/run/ready"));
    }

    // ---- Where it comes from ----

    @Test
    void assignmentsGoBeforeTheEnvironmentAndThatBeforeTheFile() throws Exception {
        Settings settings = new Settings(
                file("eventLoops=3\nacceptRate=3\nmaxConnections=3\n"),
                Map.of("ROCKETSOCKETS_EVENT_LOOPS", "5", "ROCKETSOCKETS_ACCEPT_RATE", "5", "HOME", "/"),
                List.of("eventLoops=7"),
                InheritedSockets.NONE);
        ServerConfiguration set = configure(settings);
        assertThat(set.eventLoops()).isEqualTo(7);
        assertThat(set.connectionLimits().acceptRate()).isEqualTo(5);
        assertThat(set.connectionLimits().connections()).isEqualTo(3);
        assertThat(effective(settings, "eventLoops").origin()).isEqualTo("--set");
        assertThat(effective(settings, "acceptRate").origin()).isEqualTo("environment ROCKETSOCKETS_ACCEPT_RATE");
        assertThat(effective(settings, "maxConnections").origin()).endsWith("test.properties");
        assertThat(effective(settings, "endpoint.admin.port").origin()).isEqualTo("program");
        assertThat(effective(settings, "readBufferSize").origin()).isEqualTo("default");
    }

    @Test
    void variablesAreSpelledInCapitals() {
        Map<String, String> environment = Map.of(
                "ROCKETSOCKETS_ENDPOINT_ADMIN_TIMEOUTS_FIRST_BYTE", "4s", "ROCKETSOCKETS_ENDPOINT_DEFAULT_PORT", "1");
        ServerConfiguration set = configure(new Settings(null, environment, List.of(), InheritedSockets.NONE));
        assertThat(set.endpoints().get(0).port()).isEqualTo(1);
        assertThat(set.endpoints().get(1).timeouts().firstByte()).isEqualTo(Duration.ofSeconds(4));
    }

    @Test
    void aReloadReadsTheFileAgain() throws Exception {
        Settings settings = new Settings(file("acceptRate=1"), Map.of(), List.of(), InheritedSockets.NONE);
        file("acceptRate=2");
        assertThat(configure(settings).connectionLimits().acceptRate()).isEqualTo(1);
        assertThat(configure(settings.reread()).connectionLimits().acceptRate()).isEqualTo(2);
    }

    // ---- Mistakes ----

    @Test
    void everyMistakeIsToldAtOnceWithTheRemedy() throws Exception {
        Settings settings = new Settings(
                file("evntLoops=4\nendpoint.default.prot=1\n"),
                Map.of("ROCKETSOCKETS_EVENTLOOPS", "4"),
                List.of("eventLoops=four", "endpoint.admin.halfClose=false", "acceptRate", "zzz=1", "readBufferSize=1"),
                InheritedSockets.NONE);
        assertThat(errorsOf(settings))
                .containsExactlyInAnyOrder(
                        "--set acceptRate is not key=value; pass one such as --set eventLoops=4",
                        "eventLoops=four (--set) is not a whole number; pass one such as 4",
                        "endpoint.admin.halfClose=false (--set) cannot be switched off again; pass true, or remove it",
                        "unknown key: zzz (--set) is no option; remove it, or see --print-config for those there are",
                        "unknown key: ROCKETSOCKETS_EVENTLOOPS (environment) is no option; did you mean"
                                + " ROCKETSOCKETS_EVENT_LOOPS?",
                        "unknown key: evntLoops (" + folder.resolve("test.properties")
                                + ") is no option; did you mean eventLoops?",
                        "unknown key: endpoint.default.prot (" + folder.resolve("test.properties")
                                + ") is no option; did you mean endpoint.default.port?",
                        "readBufferSize=1 < 1024; remove the call for the default or pass at least 1024");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "stallLimit=1y",
                "stallLimit=s",
                "stallLimit=99999999999999999999s",
                "readBufferSize=-1",
                "readBufferSize=1X",
                "readBufferSize=9999999999G",
                "writeWaterMarks=1",
                "loadBalancer=random",
                "rebalancing=maybe",
                "endpoint.default.keepAlive=1s,1s",
                "daemon.healthEndpoint=8999",
                "daemon.stopTimeout=0"
            })
    void whatMakesNoSenseIsRejected(String assignment) {
        DaemonConfigurator daemon = new DaemonConfigurator();
        Settings settings = settings(assignment);
        settings.applyTo(daemon);
        assertThat(errorsOf(settings)).hasSize(1);
    }

    @Test
    void aFileThatIsNotThereIsAMistake() {
        Settings settings = new Settings(folder.resolve("none"), Map.of(), List.of(), InheritedSockets.NONE);
        assertThat(errorsOf(settings))
                .containsExactly("--config: file=" + folder.resolve("none")
                        + " cannot be read: does not exist; pass a properties file that this process may read");
    }

    @Test
    void secretsAreNotShown() {
        assertThat(errorsOf(settings("adminPassword=abc")).toString()).doesNotContain("abc");
    }

    // ---- TLS ----

    /** The program's certificate is replaced, all else of its TLS stays. */
    @Test
    void tlsOfTheProgramIsChangedOptionByOption() {
        Settings settings = settings(
                "endpoint.chat.tls.certFrom=/etc/chat.p12",
                "endpoint.chat.tls.keyStorePassword=abc",
                "endpoint.chat.tls.protocols=TLSv1.3");
        ServerConfiguration set = ServerConfiguration.of(x -> {
            x.addEndpoint(
                    "chat", e -> e.secureSockets(tls -> tls.certFrom("own.pem").applicationProtocols("chat")));
            settings.applyTo(x, "", Set.of());
        });
        TlsConfiguration tls = set.endpoints().get(0).tls();
        assertThat(set.endpoints().get(0).secure()).isTrue();
        assertThat(tls.identity().certificates()).containsExactly(new CertificateFiles("/etc/chat.p12", "", "abc"));
        assertThat(tls.applicationProtocols()).containsExactly("chat");
        assertThat(tls.protocols()).containsExactly("TLSv1.3");
        List<Effective> shown = settings.effective(DaemonConfiguration.DEFAULT, Map.of("", set));
        assertThat(shown)
                .contains(
                        new Effective("endpoint.chat.tls.keyStorePassword", "****", "--set", false),
                        new Effective("endpoint.chat.tls.applicationProtocols", "chat", "program", false))
                .noneMatch(each -> each.toString().contains("abc"));
    }

    @Test
    void theCertificateOfAllEndpointsHasAPassword() {
        Settings settings = settings(
                "secureWithCertFrom=/etc/all.p12", "keyStorePassword=abc", "endpoint.default.secureSockets=true");
        ServerConfiguration set = configure(settings);
        assertThat(set.certificate()).isEqualTo(new CertificateFiles("/etc/all.p12", "", "abc"));
        assertThat(set.endpoints().get(0).secure()).isTrue();
        assertThat(set.toString()).doesNotContain("abc");
        assertThat(effective(settings, "keyStorePassword").value()).isEqualTo("****");
        assertThat(effective(settings(), "keyStorePassword").value()).isEmpty();
    }

    @Test
    void whatTlsDoesNotAllowIsAMistake() {
        assertThat(errorsOf(settings(
                        "endpoint.default.secureSockets=true",
                        "endpoint.default.tls.protocols=TLSv1.1",
                        "endpoint.default.tls.clientCertificates=need",
                        "endpoint.admin.tls.clientCertificates=perhaps",
                        "endpoint.admin.tls.certFrom=a b c")))
                .hasSize(5)
                .anyMatch(error ->
                        error.startsWith("endpoint.admin.tls.clientCertificates=perhaps (--set) is not a mode"))
                .anyMatch(error -> error.startsWith("endpoint.admin.tls.certFrom=a b c (--set) is not the path"))
                .anyMatch(error -> error.contains("protocols=[TLSv1.1] is not some of"))
                .anyMatch(error -> error.contains("without a certificate"))
                .anyMatch(error -> error.contains("clientCertificates=NEED without authorities"));
    }
}
