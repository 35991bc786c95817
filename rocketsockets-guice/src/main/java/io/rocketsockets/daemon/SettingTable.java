package io.rocketsockets.daemon;

import static io.rocketsockets.daemon.TextForm.ADDRESS;
import static io.rocketsockets.daemon.TextForm.BYTES;
import static io.rocketsockets.daemon.TextForm.CERTIFICATES;
import static io.rocketsockets.daemon.TextForm.CLIENT_CERTIFICATES;
import static io.rocketsockets.daemon.TextForm.FILE;
import static io.rocketsockets.daemon.TextForm.KEEP_ALIVE;
import static io.rocketsockets.daemon.TextForm.NAMES;
import static io.rocketsockets.daemon.TextForm.NUMBER;
import static io.rocketsockets.daemon.TextForm.ON;
import static io.rocketsockets.daemon.TextForm.PROXY_PROTOCOL;
import static io.rocketsockets.daemon.TextForm.SWITCH;
import static io.rocketsockets.daemon.TextForm.TEXT;
import static io.rocketsockets.daemon.TextForm.TIME;
import static io.rocketsockets.daemon.TextForm.WATER_MARKS;

import io.rocketsockets.ConnectionLimits.Surplus;
import io.rocketsockets.EndpointConfiguration;
import io.rocketsockets.EndpointConfigurator;
import io.rocketsockets.LoadBalancer;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.Timeouts;
import io.rocketsockets.daemon.TextForm.AskedFor;
import io.rocketsockets.tls.TlsConfiguration;
import io.rocketsockets.tls.TlsConfigurator;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Every option that can be set from outside, a line each. A new option of a configurator is a new line here. */
final class SettingTable {
    private static final TextForm<LoadBalancer> BALANCER = TextForm.oneOf(Map.of(
            "roundRobin", LoadBalancer.roundRobin(),
            "leastConnections", LoadBalancer.leastConnections(),
            "leastBusy", LoadBalancer.leastBusy(),
            "byRemoteAddress", LoadBalancer.byRemoteAddress()));
    private static final TextForm<Surplus> SURPLUS =
            TextForm.oneOf(Map.of("wait", Surplus.WAIT, "refuse", Surplus.REFUSE));

    /** Keys as they are. */
    static final List<Setting<ServerConfigurator, ServerConfiguration>> SERVER = List.of(
            Setting.of("engine", TEXT, ServerConfigurator::engine, ServerConfiguration::engine),
            Setting.of("eventLoops", NUMBER, ServerConfigurator::eventLoops, ServerConfiguration::eventLoops),
            Setting.of("loadBalancer", BALANCER, ServerConfigurator::loadBalancer, ServerConfiguration::loadBalancer),
            Setting.of("rebalancing", SWITCH, ServerConfigurator::rebalancing, ServerConfiguration::rebalancing),
            Setting.of("stallLimit", TIME, ServerConfigurator::stallLimit, ServerConfiguration::stallLimit),
            Setting.of("readBufferSize", BYTES, (x, n) -> x.readBufferSize(toInt(n)), x -> (long) x.readBufferSize()),
            Setting.of(
                    "writeBufferSize", BYTES, (x, n) -> x.writeBufferSize(toInt(n)), x -> (long) x.writeBufferSize()),
            Setting.of(
                    "writeWaterMarks",
                    WATER_MARKS,
                    (x, n) -> x.writeWaterMarks(toInt(n.get(0)), toInt(n.get(1))),
                    x -> List.of((long) x.writeLowWaterMark(), (long) x.writeHighWaterMark())),
            Setting.of(
                    "writeQueueLimit", BYTES, (x, n) -> x.writeQueueLimit(toInt(n)), x -> (long) x.writeQueueLimit()),
            Setting.of(
                    "unsentBytesLimit",
                    BYTES,
                    ServerConfigurator::unsentBytesLimit,
                    ServerConfiguration::unsentBytesLimit),
            Setting.<ServerConfigurator, ServerConfiguration, Integer>of(
                            "maxConnections",
                            NUMBER,
                            ServerConfigurator::maxConnections,
                            x -> x.connectionLimits().connections())
                    .live(),
            Setting.<ServerConfigurator, ServerConfiguration, Integer>of(
                            "maxConnectionsPerAddress",
                            NUMBER,
                            ServerConfigurator::maxConnectionsPerAddress,
                            x -> x.connectionLimits().perAddress())
                    .live(),
            Setting.<ServerConfigurator, ServerConfiguration, Integer>of(
                            "acceptRate",
                            NUMBER,
                            ServerConfigurator::acceptRate,
                            x -> x.connectionLimits().acceptRate())
                    .live(),
            Setting.<ServerConfigurator, ServerConfiguration, Surplus>of(
                            "surplusConnections",
                            SURPLUS,
                            ServerConfigurator::surplusConnections,
                            x -> x.connectionLimits().surplus())
                    .live(),
            Setting.of(
                    "secureWithCertFrom",
                    TEXT,
                    ServerConfigurator::secureWithCertFrom,
                    x -> x.certificate().certificate()),
            Setting.of(
                    "keyStorePassword",
                    TEXT,
                    ServerConfigurator::keyStorePassword,
                    x -> x.certificate().password()));

    /** Keys begin with {@code endpoint.NAME.}. */
    static final List<Setting<EndpointConfigurator, EndpointConfiguration>> ENDPOINT = List.of(
            Setting.of("bindTo", TEXT, EndpointConfigurator::bindTo, EndpointConfiguration::host),
            Setting.of("port", NUMBER, EndpointConfigurator::port, EndpointConfiguration::port),
            Setting.of("socketMode", TEXT, EndpointConfigurator::socketMode, EndpointConfiguration::socketMode),
            Setting.of("adopt", NUMBER, EndpointConfigurator::adopt, EndpointConfiguration::descriptor),
            Setting.of("backlog", NUMBER, EndpointConfigurator::backlog, EndpointConfiguration::backlog),
            Setting.of("secureSockets", ON, (x, on) -> x.secureSockets(), EndpointConfiguration::secure),
            tls(
                    "certFrom",
                    CERTIFICATES,
                    SettingTable::certFrom,
                    x -> x.identity().certificates()),
            tls("keyStorePassword", TEXT, TlsConfigurator::keyStorePassword, SettingTable::keyStorePassword),
            tls(
                    "clientCertificates",
                    CLIENT_CERTIFICATES,
                    (x, c) -> x.clientCertificates(c.mode(), c.trusted()),
                    x -> new AskedFor(
                            x.identity().clientCertificates(), x.identity().trusted())),
            tls("refuseUnknownNames", ON, (x, on) -> x.refuseUnknownNames(), TlsConfiguration::refusesUnknownNames),
            tls(
                    "applicationProtocols",
                    NAMES,
                    (x, names) -> x.applicationProtocols(names.toArray(String[]::new)),
                    TlsConfiguration::applicationProtocols),
            tls(
                    "protocols",
                    NAMES,
                    (x, names) -> x.protocols(names.toArray(String[]::new)),
                    TlsConfiguration::protocols),
            tls(
                    "cipherSuites",
                    NAMES,
                    (x, names) -> x.cipherSuites(names.toArray(String[]::new)),
                    TlsConfiguration::cipherSuites),
            tls("handshakeTimeout", TIME, TlsConfigurator::handshakeTimeout, TlsConfiguration::handshakeTimeout),
            tls("maxHandshakes", NUMBER, TlsConfigurator::maxHandshakes, TlsConfiguration::maxHandshakes),
            Setting.<EndpointConfigurator, EndpointConfiguration, Integer>of(
                            "maxConnections",
                            NUMBER,
                            EndpointConfigurator::maxConnections,
                            EndpointConfiguration::maxConnections)
                    .live(),
            Setting.of("halfClose", ON, (x, on) -> x.halfClose(), EndpointConfiguration::halfClose),
            Setting.of(
                    "keepAlive",
                    KEEP_ALIVE,
                    (x, k) -> x.keepAlive(k.idle(), k.interval(), k.probes()),
                    EndpointConfiguration::keepAlive),
            Setting.of("userTimeout", TIME, EndpointConfigurator::userTimeout, EndpointConfiguration::userTimeout),
            Setting.of(
                    "proxyProtocol",
                    PROXY_PROTOCOL,
                    EndpointConfigurator::proxyProtocol,
                    EndpointConfiguration::proxyProtocol),
            timeout("firstByte", TIME, Timeouts::firstByte, Timeouts::firstByte),
            timeout("idle", TIME, Timeouts::idle, Timeouts::idle),
            timeout("read", TIME, Timeouts::read, Timeouts::read),
            timeout("write", TIME, Timeouts::write, Timeouts::write),
            timeout("lifetime", TIME, Timeouts::lifetime, Timeouts::lifetime),
            timeout("minReadRate", NUMBER, Timeouts::minReadRate, Timeouts::minReadRate),
            timeout("minWriteRate", NUMBER, Timeouts::minWriteRate, Timeouts::minWriteRate),
            timeout("rateGrace", TIME, Timeouts::rateGrace, Timeouts::rateGrace));

    /** Keys begin with {@code daemon.}. */
    static final List<Setting<DaemonConfigurator, DaemonConfiguration>> DAEMON = List.of(
            Setting.of("startTimeout", TIME, DaemonConfigurator::startTimeout, DaemonConfiguration::startTimeout),
            Setting.of("serviceTimeout", TIME, DaemonConfigurator::serviceTimeout, DaemonConfiguration::serviceTimeout),
            Setting.of("stopTimeout", TIME, DaemonConfigurator::stopTimeout, DaemonConfiguration::stopTimeout),
            Setting.of("drainDelay", TIME, DaemonConfigurator::drainDelay, DaemonConfiguration::drainDelay),
            Setting.of("displayName", TEXT, DaemonConfigurator::displayName, DaemonConfiguration::displayName),
            Setting.of(
                    "healthEndpoint",
                    ADDRESS,
                    (x, a) -> x.healthEndpoint(a.getHostString(), a.getPort()),
                    DaemonConfiguration::healthEndpoint),
            Setting.of("readyFile", FILE, DaemonConfigurator::readyFile, DaemonConfiguration::readyFile),
            Setting.of("liveFile", FILE, DaemonConfigurator::liveFile, DaemonConfiguration::liveFile));

    private SettingTable() {}

    private static <T> Setting<EndpointConfigurator, EndpointConfiguration> timeout(
            String name, TextForm<T> form, BiFunction<Timeouts, T, Timeouts> change, Function<Timeouts, T> value) {
        return Setting.<EndpointConfigurator, EndpointConfiguration, T>of(
                        "timeouts." + name,
                        form,
                        (x, v) -> x.timeouts(t -> change.apply(t, v)),
                        x -> value.apply(x.timeouts()))
                .live();
    }

    private static <T> Setting<EndpointConfigurator, EndpointConfiguration> tls(
            String name, TextForm<T> form, BiConsumer<TlsConfigurator, T> setter, Function<TlsConfiguration, T> value) {
        return Setting.<EndpointConfigurator, EndpointConfiguration, T>of(
                "tls." + name, form, (x, v) -> x.tls(t -> setter.accept(t, v)), x -> value.apply(x.tls()));
    }

    /** In place of those of the program. */
    private static void certFrom(TlsConfigurator tls, List<CertificateFiles> certificates) {
        tls.withoutCertificates();
        certificates.forEach(each -> tls.certFrom(each.certificate(), each.key()));
    }

    private static String keyStorePassword(TlsConfiguration tls) {
        return tls.identity().certificates().stream()
                .map(CertificateFiles::password)
                .filter(password -> !password.isEmpty())
                .findFirst()
                .orElse("");
    }

    /** What does not fit is too much for any rule that the server has. */
    private static int toInt(long bytes) {
        return (int) Math.min(Integer.MAX_VALUE, bytes);
    }
}
