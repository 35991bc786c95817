package io.rocketsockets;

import io.rocketsockets.engine.ListenOptions.KeepAlive;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.TlsConfigurator;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Collects the options of one endpoint; the last call wins, each returns this. Not for use after the lambda. */
public final class EndpointConfigurator {
    static final int DEFAULT_PORT = 8998;

    /** Netty's and Jetty's 128 overflows under a burst of 10,000 connects; the kernel caps it at net.core.somaxconn. */
    static final int DEFAULT_BACKLOG = 4096;

    private final String name;
    private String host = EndpointConfiguration.ALL_INTERFACES;
    private int port = DEFAULT_PORT;
    private int backlog = DEFAULT_BACKLOG;
    private int descriptor = EndpointConfiguration.NO_DESCRIPTOR;
    private String socketMode = "600";
    private boolean secure;
    private TlsConfigurator tls = new TlsConfigurator();
    private int maxConnections;
    private boolean halfClose;
    private @Nullable KeepAlive keepAlive;
    private Duration userTimeout = Duration.ZERO;
    private ProxyProtocol proxyProtocol = ProxyProtocol.OFF;
    private Timeouts timeouts = Timeouts.DEFAULT;

    EndpointConfigurator(String name) {
        this.name = String.valueOf(name);
    }

    String name() {
        return name;
    }

    /** Listens on every interface, IPv4 and IPv6. The default. */
    public EndpointConfigurator bindToAll() {
        return bindTo(EndpointConfiguration.ALL_INTERFACES);
    }

    /**
     * Listens on one host name or address; a name is looked up when the server starts. Or on a Unix socket: {@code
     * bindTo("unix:run/app.sock")}, where nothing that is of TCP applies ({@link #port}, {@link #keepAlive}, {@link
     * #userTimeout}), and no limit per address. A socket file on which nobody listens is replaced, any other file is left
     * alone and the start fails; the stop removes the file.
     */
    public EndpointConfigurator bindTo(String hostOrAddress) {
        host = String.valueOf(hostOrAddress).strip();
        return this;
    }

    /** The port, 0 to 65535, by default 8998; 0 takes any free port, see {@link SocketServer#localAddress}. */
    public EndpointConfigurator port(int port) {
        this.port = port;
        return this;
    }

    /**
     * Who may connect to a Unix socket: the permissions of its file in octal, as for {@code chmod}, by default {@code
     * "600"}, this user alone. Connecting takes the permission to write. They are in force before anybody is served.
     */
    public EndpointConfigurator socketMode(String octal) {
        socketMode = String.valueOf(octal).strip();
        return this;
    }

    /**
     * Listens on a socket that this process was given by whoever started it, such as systemd, instead of an address; it stays
     * open when the server stops, so that connections wait for the next start. The engine {@code nio} adopts descriptor 0
     * only. By default none, -1.
     */
    public EndpointConfigurator adopt(int descriptor) {
        this.descriptor = descriptor;
        return this;
    }

    /** How many connections may wait in the kernel to be accepted, by default 4,096; the system may allow fewer. */
    public EndpointConfigurator backlog(int connections) {
        backlog = connections;
        return this;
    }

    /** Speaks TLS, with the certificate of {@link ServerConfigurator#secureWithCertFrom(String)} where it has none of its own. */
    public EndpointConfigurator secureSockets() {
        secure = true;
        return this;
    }

    /** Speaks TLS as the options say: {@code secureSockets(tls -> tls.certFrom("server.pem"))}. */
    public EndpointConfigurator secureSockets(Consumer<? super TlsConfigurator> options) {
        tls = new TlsConfigurator();
        return tls(options).secureSockets();
    }

    /** Changes how TLS is spoken, where it is: for options that come from outside the program. */
    public EndpointConfigurator tls(Consumer<? super TlsConfigurator> change) {
        change.accept(tls);
        return this;
    }

    /** How many connections of this endpoint may be open at once, by default any number; 0 for no limit. */
    public EndpointConfigurator maxConnections(int connections) {
        maxConnections = connections;
        return this;
    }

    /**
     * Lets a socket live on when its peer has ended its side: {@link SocketSession#onInputEnd()} tells, {@link
     * SocketHandle#close()} ends it. The two-callback form and {@link Frames} close it themselves. By default what was written so far is delivered, then the socket closes.
     */
    public EndpointConfigurator halfClose() {
        halfClose = true;
        return this;
    }

    /**
     * Lets the kernel find out whether silent peers are still there (TCP keep-alive): the first probe after {@code idle},
     * the next each {@code interval}, and after so many unanswered {@code probes} the connection ends with {@link
     * CloseReason#PEER_UNREACHABLE}. In whole seconds; off by default.
     */
    public EndpointConfigurator keepAlive(Duration idle, Duration interval, int probes) {
        keepAlive = new KeepAlive(idle, interval, probes);
        return this;
    }

    /**
     * Lets the kernel give up a peer that has not acknowledged what was sent to it for so long (TCP_USER_TIMEOUT): the
     * connection ends with {@link CloseReason#PEER_UNREACHABLE}. In whole milliseconds; by default, and with {@link
     * Duration#ZERO}, the system's retransmissions decide, some 15 minutes on Linux. Only a native engine can set it: with
     * {@code nio} the start fails.
     */
    public EndpointConfigurator userTimeout(Duration time) {
        userTimeout = time;
        return this;
    }

    /**
     * Whether proxies tell, by the PROXY protocol (versions 1 and 2), whose connections they pass on, by default not: {@code
     * proxyProtocol(ProxyProtocol.requiredFrom("10.0.0.0/8"))}. {@link SocketHandle#remoteAddress()} is then the client's,
     * and so is the address that {@link ServerConfigurator#maxConnectionsPerAddress} counts for.
     */
    public EndpointConfigurator proxyProtocol(ProxyProtocol rules) {
        proxyProtocol = Objects.requireNonNull(rules, "proxyProtocol");
        return this;
    }

    /** Changes how long sockets may keep the server waiting: {@code timeouts(t -> t.idle(Duration.ofMinutes(5)))}. */
    public EndpointConfigurator timeouts(UnaryOperator<Timeouts> change) {
        timeouts = Objects.requireNonNull(change.apply(timeouts), "timeouts");
        return this;
    }

    EndpointConfiguration freeze() {
        return new EndpointConfiguration(
                name,
                host,
                port,
                descriptor,
                socketMode,
                backlog,
                secure,
                tls.freeze(),
                maxConnections,
                halfClose,
                keepAlive,
                userTimeout,
                proxyProtocol,
                timeouts);
    }
}
