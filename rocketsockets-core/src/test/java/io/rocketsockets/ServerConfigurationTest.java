package io.rocketsockets;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;

import io.rocketsockets.engine.ListenOptions.KeepAlive;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.TlsConfiguration;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Row A14 and the options' defaults. The messages are files in {@code src/test/resources/messages}. */
class ServerConfigurationTest {
    private static ServerConfigurationException refused(Consumer<ServerConfigurator> options) {
        ServerConfigurationException refusal =
                catchThrowableOfType(ServerConfigurationException.class, () -> RocketServer.create(options));
        assertThat(refusal).as("the configuration is refused").isNotNull();
        return refusal;
    }

    private static void assertRefused(String message, Consumer<ServerConfigurator> options) throws Exception {
        Golden.assertMessage(message, refused(options).getMessage());
    }

    @Test
    void optionsFromOutsideChangeEveryEndpointByItsName() {
        ServerConfiguration configuration = ServerConfiguration.of(x -> x.addEndpoint("a", e -> e.port(1))
                .addEndpoint("b", e -> e.port(2).backlog(3))
                .eachEndpoint(
                        (name, endpoint) -> endpoint.bindTo(name + ".example").port(name.equals("b") ? 4 : 1)));
        assertThat(configuration.endpoints())
                .extracting(EndpointConfiguration::host, EndpointConfiguration::port, EndpointConfiguration::backlog)
                .containsExactly(tuple("a.example", 1, EndpointConfigurator.DEFAULT_BACKLOG), tuple("b.example", 4, 3));
    }

    @Test
    void errorsFromOutsideComeWithTheOthers() {
        assertThatThrownBy(() -> ServerConfiguration.of(
                        x -> x.useDefaultEndpoint().reject("unknown: evntLoops").eventLoops(0)))
                .isInstanceOfSatisfying(
                        ServerConfigurationException.class,
                        e -> assertThat(e.errors())
                                .containsExactly(
                                        "unknown: evntLoops",
                                        "eventLoops=0 < 1; remove the call for the default or pass at least 1"));
        assertThatThrownBy(
                        () -> ServerConfiguration.of(x -> x.useDefaultEndpoint().reject("alone")))
                .isInstanceOf(ServerConfigurationException.class)
                .hasMessageContaining("alone");
    }

    @Test
    void aNegativeDescriptorIsNone() {
        assertThat(ServerConfiguration.of(x -> x.addEndpoint("a", e -> e.adopt(-1))))
                .isEqualTo(ServerConfiguration.of(x -> x.addEndpoint("a", e -> {})));
        assertThatThrownBy(() -> ServerConfiguration.of(x -> x.addEndpoint("a", e -> e.adopt(-2))))
                .hasMessageContaining(
                        "endpoint=a descriptor=-2 < 0; pass the descriptor of a listening socket to adopt, or remove the call");
    }

    private static ServerConfigurator valid(ServerConfigurator x) {
        return x.useDefaultEndpoint();
    }

    @Test
    void theDefaultEndpointListensOnAllInterfacesAtPort8998() {
        ServerConfiguration configuration = ServerConfiguration.of(x -> x.useDefaultEndpoint());
        assertThat(configuration.endpoints())
                .containsExactly(new EndpointConfiguration(
                        "default",
                        EndpointConfiguration.ALL_INTERFACES,
                        8998,
                        EndpointConfiguration.NO_DESCRIPTOR,
                        "600",
                        4096,
                        false,
                        TlsConfiguration.DEFAULT,
                        0,
                        false,
                        null,
                        Duration.ZERO,
                        ProxyProtocol.OFF,
                        Timeouts.DEFAULT));
        assertThat(configuration.eventLoops()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(configuration.engine()).isEqualTo("nio");
        assertThat(configuration.readBufferSize()).isEqualTo(256 * 1024);
        assertThat(configuration.writeBufferSize()).isEqualTo(16 * 1024);
        assertThat(configuration.writeLowWaterMark()).isEqualTo(32 * 1024);
        assertThat(configuration.writeHighWaterMark()).isEqualTo(64 * 1024);
        assertThat(configuration.writeQueueLimit()).isEqualTo(1024 * 1024);
        assertThat(configuration.unsentBytesLimit())
                .isEqualTo(Runtime.getRuntime().maxMemory() / 4);
        assertThat(configuration.connectionLimits()).isEqualTo(ConnectionLimits.NONE);
    }

    @Test
    void theLastCallWins() {
        ServerListener listener = new ServerListener() {};
        Executor executor = Runnable::run;
        ServerConfiguration configuration = ServerConfiguration.of(x -> x.addEndpoint(
                        "a",
                        e -> e.port(1)
                                .port(2)
                                .bindTo("::1")
                                .bindToAll()
                                .bindTo(" localhost ")
                                .backlog(1)
                                .backlog(2)
                                .maxConnections(1)
                                .maxConnections(2)
                                .halfClose()
                                .keepAlive(ofSeconds(1), ofSeconds(1), 1)
                                .keepAlive(ofSeconds(2), ofSeconds(3), 4)
                                .userTimeout(ofSeconds(5))
                                .userTimeout(ofSeconds(6))
                                .timeouts(t -> t.idle(ofSeconds(1)).read(ofSeconds(2)))
                                .timeouts(t -> t.idle(ofSeconds(3))))
                .eventLoops(9)
                .eventLoops(3)
                .readBufferSize(2048)
                .readBufferSize(4096)
                .writeBufferSize(2048)
                .writeBufferSize(4096)
                .writeWaterMarks(1, 2)
                .writeWaterMarks(3, 4)
                .writeQueueLimit(8)
                .writeQueueLimit(16)
                .unsentBytesLimit(1)
                .unsentBytesLimit(32)
                .maxConnections(1)
                .maxConnections(2)
                .maxConnectionsPerAddress(3)
                .acceptRate(4)
                .surplusConnections(ConnectionLimits.Surplus.REFUSE)
                .loadBalancer(LoadBalancer.leastBusy())
                .rebalancing(true)
                .rebalancing(false)
                .stallLimit(ofSeconds(4))
                .listener(listener)
                .blockingHandlers(executor)
                .engine("other")
                .engine("nio"));
        assertThat(configuration.endpoints())
                .containsExactly(new EndpointConfiguration(
                        "a",
                        "localhost",
                        2,
                        EndpointConfiguration.NO_DESCRIPTOR,
                        "600",
                        2,
                        false,
                        TlsConfiguration.DEFAULT,
                        2,
                        true,
                        new KeepAlive(ofSeconds(2), ofSeconds(3), 4),
                        ofSeconds(6),
                        ProxyProtocol.OFF,
                        Timeouts.DEFAULT.idle(ofSeconds(3)).read(ofSeconds(2))));
        assertThat(configuration)
                .isEqualTo(new ServerConfiguration(
                        configuration.endpoints(),
                        "nio",
                        3,
                        4096,
                        4096,
                        3,
                        4,
                        16,
                        32,
                        new ConnectionLimits(2, 3, 4, ConnectionLimits.Surplus.REFUSE),
                        configuration.loadBalancer(),
                        false,
                        ofSeconds(4),
                        List.of(listener),
                        executor,
                        configuration.certificate()));
    }

    @Test
    void theConfigurationIsReadOnceAndAtOnce() {
        List<String> calls = new ArrayList<>();
        SocketServer server = RocketServer.create(x -> {
            calls.add("configured");
            x.addEndpoint("default", e -> calls.add("endpoint " + e.getClass().getSimpleName()));
        });
        assertThat(calls).containsExactly("configured", "endpoint EndpointConfigurator");
        assertThat(server.state()).isEqualTo(ServerState.STOPPED);
    }

    @Test
    void aConfigurationCannotBeChanged() {
        assertThatThrownBy(() -> ServerConfiguration.of(ServerConfigurationTest::valid)
                        .endpoints()
                        .clear())
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void a14_noEndpointIsAnError() throws Exception {
        assertRefused("no-endpoint", x -> {});
    }

    @Test
    void a14_twoEndpointsOfOneNameAreAnError() throws Exception {
        assertRefused("endpoint-twice", x -> x.useDefaultEndpoint().addEndpoint("default", e -> e.port(0)));
    }

    @ParameterizedTest
    @ValueSource(ints = {70_000, 65_536, -1, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void a14_aPortOutsideItsRangeIsAnError(int port) throws Exception {
        ServerConfigurationException refusal = refused(x -> x.addEndpoint("web", e -> e.port(port)));
        Golden.assertMessage("port-out-of-range", refusal.getMessage().replace("=" + port, "=PORT"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 8998, 65_535})
    void aPortWithinItsRangeIsTaken(int port) {
        assertThat(ServerConfiguration.of(x -> x.addEndpoint("web", e -> e.port(port)))
                        .endpoints()
                        .get(0)
                        .port())
                .isEqualTo(port);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\t"})
    void a14_anEmptyHostIsAnError(String host) throws Exception {
        assertRefused("empty-host", x -> x.addEndpoint("web", e -> e.bindTo(host)));
    }

    @Test
    void a14_aNullHostIsAnError() throws Exception {
        assertRefused("null-host", x -> x.addEndpoint("web", e -> e.bindTo(null)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"unix:", "unix: ", "unix:@abstract", "unix:/", "unix:a\0b"})
    void m4_aUnixSocketNeedsAFile(String host) throws Exception {
        ServerConfigurationException refusal = refused(x -> x.addEndpoint("web", e -> e.bindTo(host)));
        Golden.assertMessage("unix-no-file", refusal.getMessage().replaceAll("host=unix:\\S*", "host=HOST"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "66", "668", "1777", "u=rw", "-60"})
    void m3_aModeIsThreeOctalDigits(String mode) {
        assertThat(refused(x -> x.addEndpoint("web", e -> e.socketMode(mode))).errors())
                .containsExactly(
                        "endpoint=web socketMode=" + mode + " is not three octal digits; pass permissions such as 660");
    }

    @Test
    void a14_anEndpointNeedsAName() throws Exception {
        assertRefused(
                "endpoint-without-name", x -> x.addEndpoint(" ", e -> e.port(0)).addEndpoint(null, e -> {}));
    }

    @Test
    void a14_anUnknownEngineNamesTheKnownOnes() throws Exception {
        assertRefused("unknown-engine", x -> valid(x).engine("warp"));
        assertThat(refused(x -> valid(x).engine(null)).errors())
                .singleElement()
                .asString()
                .contains("engine=null");
    }

    @Test
    void a14_eventLoops0IsAnError() throws Exception {
        assertRefused("event-loops-0", x -> valid(x).eventLoops(0));
    }

    /** Everything that can be wrong at once; the order is that of the text. */
    @Test
    void a14_everyErrorIsReportedAtOnce() throws Exception {
        ServerConfigurationException refusal =
                refused(x -> x.addEndpoint("a", e -> e.port(-1).backlog(0).bindTo(""))
                        .addEndpoint("a", e -> e.port(70_000))
                        .engine("warp")
                        .eventLoops(-3)
                        .readBufferSize(512)
                        .writeBufferSize(Integer.MAX_VALUE)
                        .writeWaterMarks(10, 5)
                        .writeQueueLimit(-1));
        assertThat(refusal.errors()).hasSize(11);
        Golden.assertMessage("every-error", refusal.getMessage());
        assertThatThrownBy(() -> refusal.errors().clear()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void a14_theUserTimeoutIsWhatTheKernelTakes() {
        assertThat(userTimeout(Duration.ZERO)).isZero();
        assertThat(userTimeout(Duration.ofMillis(1))).isEqualTo(Duration.ofMillis(1));
        assertThat(userTimeout(Duration.ofMillis(Integer.MAX_VALUE))).hasMillis(Integer.MAX_VALUE);
        for (Duration outside :
                List.of(Duration.ofMillis(-1), Duration.ofNanos(999_999), Duration.ofMillis(Integer.MAX_VALUE + 1L))) {
            assertThat(refused(x -> x.addEndpoint("a", e -> e.userTimeout(outside)))
                            .errors())
                    .singleElement()
                    .asString()
                    .contains("endpoint=a userTimeout=" + outside + " is not within");
        }
    }

    private static Duration userTimeout(Duration time) {
        return ServerConfiguration.of(x -> x.addEndpoint("a", e -> e.userTimeout(time)))
                .endpoints()
                .get(0)
                .userTimeout();
    }

    @Test
    void a14_eachNumberHasItsRange() {
        assertThat(refused(x -> valid(x).eventLoops(1025)).errors()).hasSize(1);
        assertThat(refused(x -> valid(x).readBufferSize(1023)).errors()).hasSize(1);
        assertThat(refused(x -> valid(x).readBufferSize(16 * 1024 * 1024 + 1)).errors())
                .hasSize(1);
        assertThat(refused(x -> valid(x).writeBufferSize(1023)).errors()).hasSize(1);
        assertThat(refused(x -> valid(x).writeWaterMarks(-1, 5)).errors()).hasSize(1);
        assertThat(refused(x -> valid(x).writeWaterMarks(6, 5)).errors()).hasSize(1);
        assertThat(refused(x -> valid(x).writeQueueLimit(64 * 1024 - 1)).errors())
                .hasSize(1);
        ServerConfiguration edges = ServerConfiguration.of(x -> valid(x).eventLoops(1024)
                .readBufferSize(1024)
                .writeBufferSize(16 * 1024 * 1024)
                .writeWaterMarks(5, 5)
                .writeQueueLimit(5));
        assertThat(edges.eventLoops()).isEqualTo(1024);
    }

    @Test
    void a14_aConfigurationWrittenAsRecordIsCheckedToo() {
        assertThatThrownBy(() -> new ServerConfiguration(
                        List.of(),
                        "nio",
                        1,
                        1024,
                        1024,
                        0,
                        0,
                        0,
                        0,
                        ConnectionLimits.NONE,
                        LoadBalancer.roundRobin(),
                        true,
                        Duration.ZERO,
                        List.of(),
                        null,
                        CertificateFiles.NONE))
                .isInstanceOf(ServerConfigurationException.class)
                .hasMessageContaining("endpoints=0 < 1");
    }

    @Test
    void nullLambdasAreRefused() {
        assertThatThrownBy(() -> RocketServer.create((Consumer<ServerConfigurator>) null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("options");
        assertThatThrownBy(() -> RocketServer.create(x -> x.addEndpoint("a", null)))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("options");
        assertThatThrownBy(() -> RocketServer.create((ServerConfiguration) null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("configuration");
    }

    @Test
    void whatTheLambdaThrowsComesThrough() {
        assertThatThrownBy(() -> RocketServer.create(x -> {
                    throw new IllegalStateException("mine");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("mine");
    }
}
