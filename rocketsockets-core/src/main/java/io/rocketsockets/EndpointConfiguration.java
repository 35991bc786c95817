package io.rocketsockets;

import io.rocketsockets.engine.ListenOptions.KeepAlive;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.TlsConfiguration;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One address to listen on, as data. Checked as a part of {@link ServerConfiguration}.
 *
 * @param name unique in its server; appears in logs, errors and {@link SocketHandle#endpoint()}
 * @param host host name or address; {@link #ALL_INTERFACES} for every address of this machine, IPv4 and IPv6; {@link #UNIX}
 *     and a path for a Unix socket
 * @param port 0 to 65535; 0 for any free port
 * @param descriptor of a listening socket to adopt instead, {@link #NO_DESCRIPTOR} for none
 * @param socketMode permissions of a Unix socket's file, in octal
 * @param backlog how many connections the kernel keeps waiting to be accepted
 * @param secure whether connections speak TLS
 * @param tls how they do
 * @param maxConnections open at once, 0 for no limit
 * @param halfClose whether a socket stays open when its peer has ended its side
 * @param keepAlive the kernel's probes to silent peers, null for none
 * @param userTimeout how long sent bytes may stay unacknowledged, zero for what the system does
 * @param proxyProtocol whether proxies tell whose connections they pass on
 * @param timeouts what its sockets begin with
 */
public record EndpointConfiguration(
        String name,
        String host,
        int port,
        int descriptor,
        String socketMode,
        int backlog,
        boolean secure,
        TlsConfiguration tls,
        int maxConnections,
        boolean halfClose,
        @Nullable KeepAlive keepAlive,
        Duration userTimeout,
        ProxyProtocol proxyProtocol,
        Timeouts timeouts) {
    /** The {@code host} of an endpoint that listens on every interface. */
    public static final String ALL_INTERFACES = "*";

    /** What the {@code host} of an endpoint on a Unix socket begins with; its path follows. */
    public static final String UNIX = "unix:";

    /** The {@code descriptor} of an endpoint that binds an address. */
    public static final int NO_DESCRIPTOR = -1;

    public EndpointConfiguration {
        name = String.valueOf(name);
        host = String.valueOf(host);
        Objects.requireNonNull(tls, "tls");
        socketMode = String.valueOf(socketMode);
        Objects.requireNonNull(userTimeout, "userTimeout");
        Objects.requireNonNull(proxyProtocol, "proxyProtocol");
        Objects.requireNonNull(timeouts, "timeouts");
    }

    /** The file of the Unix socket that the endpoint listens on; empty when it is of TCP. */
    public Optional<Path> socketFile() {
        return host.startsWith(UNIX) ? Optional.of(Path.of(host.substring(UNIX.length()))) : Optional.empty();
    }

    @Override
    public String toString() {
        if (descriptor != NO_DESCRIPTOR) {
            return "endpoint=" + name + " descriptor=" + descriptor;
        }
        if (host.startsWith(UNIX)) {
            return "endpoint=" + name + " address=" + host;
        }
        return "endpoint=" + name + " address=" + (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}
