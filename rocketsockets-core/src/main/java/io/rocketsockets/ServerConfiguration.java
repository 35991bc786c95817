package io.rocketsockets;

import io.rocketsockets.engine.ListenOptions.KeepAlive;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a server runs on: complete, checked and immutable. Written with a {@link ServerConfigurator}.
 *
 * @param endpoints at least one, each with a name of its own
 * @param engine the name of the engine
 * @param eventLoops how many loops, at least 1
 * @param readBufferSize bytes one read may deliver
 * @param writeBufferSize bytes of small writes gathered into one system call
 * @param writeLowWaterMark unsent bytes at which a socket is read again
 * @param writeHighWaterMark unsent bytes above which a socket is not read
 * @param writeQueueLimit unsent bytes at which a write fails
 * @param unsentBytesLimit unsent bytes of all sockets above which some are closed
 * @param connectionLimits how many connections are admitted
 * @param loadBalancer who gets a new connection
 * @param rebalancing whether connections move by themselves to loops that are less busy
 * @param stallLimit how long a callback may hang before that is logged; after a quarter of it its loop gets another thread; zero for neither
 * @param listeners who hears what happens
 * @param blockingHandlers what runs the callbacks, null for the loops
 * @param certificate of the secure endpoints that name none of their own
 */
public record ServerConfiguration(
        List<EndpointConfiguration> endpoints,
        String engine,
        int eventLoops,
        int readBufferSize,
        int writeBufferSize,
        int writeLowWaterMark,
        int writeHighWaterMark,
        int writeQueueLimit,
        long unsentBytesLimit,
        ConnectionLimits connectionLimits,
        LoadBalancer loadBalancer,
        boolean rebalancing,
        Duration stallLimit,
        List<ServerListener> listeners,
        @Nullable Executor blockingHandlers,
        CertificateFiles certificate) {

    /** Pipelined 64 KiB messages cost a third less than with 64 KiB, and it is one buffer per loop. */
    static final int DEFAULT_READ_BUFFER = 256 * 1024;

    static final int DEFAULT_WRITE_BUFFER = 16 * 1024;
    static final int DEFAULT_LOW_WATER_MARK = 32 * 1024;
    static final int DEFAULT_HIGH_WATER_MARK = 64 * 1024;
    static final int DEFAULT_WRITE_QUEUE_LIMIT = 1024 * 1024;

    private static final int SMALLEST_BUFFER = 1024;
    private static final int LARGEST_BUFFER = 16 * 1024 * 1024;
    private static final int MOST_LOOPS = 1024;

    // MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT of linux/include/net/tcp.h
    private static final int LONGEST_KEEP_ALIVE_SECONDS = 32_767;
    private static final int MOST_KEEP_ALIVE_PROBES = 127;

    // An int of milliseconds: tcp(7).
    private static final Duration SHORTEST_USER_TIMEOUT = Duration.ofMillis(1);
    private static final Duration LONGEST_USER_TIMEOUT = Duration.ofMillis(Integer.MAX_VALUE);

    /** @throws ServerConfigurationException with every rule that is broken */
    public ServerConfiguration {
        endpoints = List.copyOf(endpoints);
        Objects.requireNonNull(connectionLimits, "connectionLimits");
        Objects.requireNonNull(loadBalancer, "loadBalancer");
        Objects.requireNonNull(stallLimit, "stallLimit");
        listeners = List.copyOf(listeners);
        Objects.requireNonNull(certificate, "certificate");
        List<String> errors = new ArrayList<>();
        if (endpoints.isEmpty()) {
            errors.add("endpoints=0 < 1; call useDefaultEndpoint() or addEndpoint(name, e -> e.port(..))");
        }
        Set<String> names = new HashSet<>();
        for (EndpointConfiguration endpoint : endpoints) {
            check(endpoint, certificate, names, errors);
        }
        Engines.INSTALLED.errorIn(engine).ifPresent(errors::add);
        between("eventLoops", eventLoops, 1, MOST_LOOPS, errors);
        between("readBufferSize", readBufferSize, SMALLEST_BUFFER, LARGEST_BUFFER, errors);
        between("writeBufferSize", writeBufferSize, SMALLEST_BUFFER, LARGEST_BUFFER, errors);
        if (writeLowWaterMark < 0 || writeLowWaterMark > writeHighWaterMark) {
            errors.add("writeWaterMarks: low=" + writeLowWaterMark + " is not within 0 to high=" + writeHighWaterMark
                    + "; pass a lower low mark or a higher high mark");
        }
        if (writeQueueLimit < 1) {
            errors.add(
                    "writeQueueLimit=" + writeQueueLimit + " < 1; remove the call for the default or pass at least 1");
        } else if (writeQueueLimit < writeHighWaterMark) {
            errors.add("writeQueueLimit=" + writeQueueLimit + " < writeHighWaterMark=" + writeHighWaterMark
                    + "; raise the limit or lower the mark");
        }
        if (unsentBytesLimit < writeQueueLimit) {
            errors.add("unsentBytesLimit=" + unsentBytesLimit + " < writeQueueLimit=" + writeQueueLimit
                    + "; raise the limit of all sockets or lower that of one");
        }
        connectionLimits.check(errors);
        if (stallLimit.isNegative()) {
            errors.add("stallLimit=" + stallLimit + " is negative; pass a time, or Duration.ZERO for none");
        }
        if (!errors.isEmpty()) {
            throw new ServerConfigurationException(errors);
        }
    }

    /**
     * Runs the lambda, once and at once, and freezes what it configured.
     *
     * @throws ServerConfigurationException with every rule that is broken
     */
    public static ServerConfiguration of(Consumer<? super ServerConfigurator> options) {
        Objects.requireNonNull(options, "options");
        ServerConfigurator configurator = new ServerConfigurator();
        options.accept(configurator);
        return configurator.freeze();
    }

    private static void check(
            EndpointConfiguration endpoint, CertificateFiles certificate, Set<String> names, List<String> errors) {
        String name = endpoint.name();
        if (name.isBlank() || name.equals("null")) {
            errors.add("endpoint name=" + name + " is empty; give the endpoint a name");
        } else if (!names.add(name)) {
            errors.add("endpoint=" + name + " is configured twice; give each endpoint its own name");
        }
        if (endpoint.host().isBlank() || endpoint.host().equals("null")) {
            errors.add("endpoint=" + name + " host=" + endpoint.host()
                    + " is empty; pass a host name or address to bindTo, or call bindToAll()");
        }
        if (endpoint.port() < 0 || endpoint.port() > 65_535) {
            errors.add("endpoint=" + name + " port=" + endpoint.port()
                    + " is not within 0 to 65535; pass the port to listen on, or 0 for any free one");
        }
        if (endpoint.descriptor() < EndpointConfiguration.NO_DESCRIPTOR) {
            errors.add("endpoint=" + name + " descriptor=" + endpoint.descriptor()
                    + " < 0; pass the descriptor of a listening socket to adopt, or remove the call");
        }
        checkSocketFile(endpoint, errors);
        if (endpoint.backlog() < 1) {
            errors.add("endpoint=" + name + " backlog=" + endpoint.backlog()
                    + " < 1; remove the call for the default or pass at least 1");
        }
        ConnectionLimits.notNegative("endpoint=" + name + " maxConnections", endpoint.maxConnections(), errors);
        check(name, endpoint.keepAlive(), errors);
        checkUserTimeout(name, endpoint.userTimeout(), errors);
        endpoint.proxyProtocol().errors().forEach(error -> errors.add("endpoint=" + name + " " + error));
        endpoint.timeouts().errors().forEach(error -> errors.add("endpoint=" + name + " " + error));
        if (endpoint.secure()) {
            endpoint.tls()
                    .withCertificate(certificate)
                    .errors()
                    .forEach(error -> errors.add("endpoint=" + name + " " + error));
        }
    }

    private static void checkSocketFile(EndpointConfiguration endpoint, List<String> errors) {
        String host = endpoint.host();
        if (host.startsWith(EndpointConfiguration.UNIX)
                && !namesFile(host.substring(EndpointConfiguration.UNIX.length()))) {
            errors.add(
                    "endpoint=" + endpoint.name() + " host=" + host.replace('\0', '?')
                            + " names no file, and an abstract name has no permissions; pass unix: and a path, such as unix:run/app.sock");
        }
        if (!endpoint.socketMode().matches("0?[0-7]{3}")) {
            errors.add("endpoint=" + endpoint.name() + " socketMode=" + endpoint.socketMode()
                    + " is not three octal digits; pass permissions such as 660");
        }
    }

    private static boolean namesFile(String path) {
        try {
            return !path.startsWith("@") && Path.of(path).getFileName() != null && !path.isBlank();
        } catch (InvalidPathException unusable) {
            return false;
        }
    }

    private static void check(String name, @Nullable KeepAlive keepAlive, List<String> errors) {
        if (keepAlive != null
                && (keepAlive.idle().toSeconds() < 1
                        || keepAlive.interval().toSeconds() < 1
                        || keepAlive.idle().toSeconds() > LONGEST_KEEP_ALIVE_SECONDS
                        || keepAlive.interval().toSeconds() > LONGEST_KEEP_ALIVE_SECONDS
                        || keepAlive.probes() < 1
                        || keepAlive.probes() > MOST_KEEP_ALIVE_PROBES)) {
            errors.add("endpoint=" + name + " keepAlive: idle=" + keepAlive.idle() + " interval=" + keepAlive.interval()
                    + " probes=" + keepAlive.probes() + " is outside what the kernel takes; pass times of 1 s to "
                    + LONGEST_KEEP_ALIVE_SECONDS + " s and 1 to " + MOST_KEEP_ALIVE_PROBES + " probes");
        }
    }

    private static void checkUserTimeout(String name, Duration time, List<String> errors) {
        if (!time.isZero() && (time.compareTo(SHORTEST_USER_TIMEOUT) < 0 || time.compareTo(LONGEST_USER_TIMEOUT) > 0)) {
            errors.add("endpoint=" + name + " userTimeout=" + time + " is not within " + SHORTEST_USER_TIMEOUT + " to "
                    + LONGEST_USER_TIMEOUT + "; pass a time that the kernel takes, or Duration.ZERO for none");
        }
    }

    private static void between(String option, int value, int smallest, int largest, List<String> errors) {
        if (value < smallest) {
            errors.add(option + "=" + value + " < " + smallest + "; remove the call for the default or pass at least "
                    + smallest);
        } else if (value > largest) {
            errors.add(option + "=" + value + " > " + largest + "; remove the call for the default or pass at most "
                    + largest);
        }
    }
}
