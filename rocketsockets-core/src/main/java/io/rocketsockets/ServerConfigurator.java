package io.rocketsockets;

import io.rocketsockets.ConnectionLimits.Surplus;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Collects the options of a server; the last call wins, each returns this. What comes out is a {@link
 * ServerConfiguration}, where every error is reported at once. Not for use after the lambda.
 */
public final class ServerConfigurator {
    private final List<EndpointConfigurator> endpoints = new ArrayList<>();
    private String engine = Engines.DEFAULT;
    private int eventLoops = Runtime.getRuntime().availableProcessors();
    private int readBufferSize = ServerConfiguration.DEFAULT_READ_BUFFER;
    private int writeBufferSize = ServerConfiguration.DEFAULT_WRITE_BUFFER;
    private int writeLowWaterMark = ServerConfiguration.DEFAULT_LOW_WATER_MARK;
    private int writeHighWaterMark = ServerConfiguration.DEFAULT_HIGH_WATER_MARK;
    private int writeQueueLimit = ServerConfiguration.DEFAULT_WRITE_QUEUE_LIMIT;
    private @Nullable Long unsentBytesLimit;
    private ConnectionLimits connectionLimits = ConnectionLimits.NONE;
    private LoadBalancer loadBalancer = LoadBalancer.roundRobin();
    private boolean rebalancing = true;
    private Duration stallLimit = Duration.ofSeconds(1);
    private final List<ServerListener> listeners = new ArrayList<>();
    private @Nullable Executor blockingHandlers;
    private CertificateFiles certificate = CertificateFiles.NONE;

    private final List<String> errors = new ArrayList<>();

    ServerConfigurator() {}

    /** Adds the endpoint {@code default}: every interface, port 8998, no TLS. */
    public ServerConfigurator useDefaultEndpoint() {
        return addEndpoint("default", endpoint -> {});
    }

    /** Adds an endpoint; a server may have any number, each with its own name. */
    public ServerConfigurator addEndpoint(String name, Consumer<? super EndpointConfigurator> options) {
        Objects.requireNonNull(options, "options");
        EndpointConfigurator endpoint = new EndpointConfigurator(name);
        options.accept(endpoint);
        endpoints.add(endpoint);
        return this;
    }

    /** Changes the endpoints added so far, each told by its name: for options that come from outside the program. */
    public ServerConfigurator eachEndpoint(BiConsumer<? super String, ? super EndpointConfigurator> change) {
        endpoints.forEach(endpoint -> change.accept(endpoint.name(), endpoint));
        return this;
    }

    /**
     * Where the certificate chain and key of all secure endpoints come from that name none of their own: a file with a PEM
     * chain and a PKCS#8 key, or PKCS#12 or JKS, see {@link #keyStorePassword}. It is read when the server starts, and again
     * when it changes.
     */
    public ServerConfigurator secureWithCertFrom(String path) {
        certificate = new CertificateFiles(path, "", certificate.password());
        return this;
    }

    /** The password of that file, where it is PKCS#12 or JKS. */
    public ServerConfigurator keyStorePassword(String password) {
        certificate = certificate.withPassword(password);
        return this;
    }

    /** Bytes that one read may deliver, by default 256 KiB; one buffer per event loop. */
    public ServerConfigurator readBufferSize(int bytes) {
        readBufferSize = bytes;
        return this;
    }

    /** Bytes of small writes gathered into one system call, by default 16 KiB. */
    public ServerConfigurator writeBufferSize(int bytes) {
        writeBufferSize = bytes;
        return this;
    }

    /**
     * A socket with more than {@code high} unsent bytes is not read until they fall to {@code low}: an application that
     * echoes to a peer which does not read stays bounded. By default 32 KiB and 64 KiB, as in Netty.
     */
    public ServerConfigurator writeWaterMarks(int low, int high) {
        writeLowWaterMark = low;
        writeHighWaterMark = high;
        return this;
    }

    /**
     * A write to a socket that has this many unsent bytes already fails with {@link WriteQueueFullException}, by default
     * 1 MiB. A single write of any size is taken while the queue is below it.
     */
    public ServerConfigurator writeQueueLimit(int bytes) {
        writeQueueLimit = bytes;
        return this;
    }

    /**
     * What all sockets may have queued together, by default a quarter of the largest heap; of one socket at most {@link
     * #writeQueueLimit} counts. Past it those sockets are closed
     * ({@link CloseReason#LIMIT_MEMORY}) that have held the most for the longest, until an eighth of it is free again.
     */
    public ServerConfigurator unsentBytesLimit(long bytes) {
        unsentBytesLimit = bytes;
        return this;
    }

    /** How many connections may be open at once, by default as many as the system allows; 0 for no limit. */
    public ServerConfigurator maxConnections(int connections) {
        connectionLimits = new ConnectionLimits(
                connections, connectionLimits.perAddress(), connectionLimits.acceptRate(), connectionLimits.surplus());
        return this;
    }

    /**
     * How many connections from one remote address may be open at once, by default any number, since a proxy may stand
     * before many users; 0 for no limit.
     */
    public ServerConfigurator maxConnectionsPerAddress(int connections) {
        connectionLimits = new ConnectionLimits(
                connectionLimits.connections(), connections, connectionLimits.acceptRate(), connectionLimits.surplus());
        return this;
    }

    /** How many connections are accepted in a second, by default any number; 0 for no limit. */
    public ServerConfigurator acceptRate(int connectionsPerSecond) {
        connectionLimits = new ConnectionLimits(
                connectionLimits.connections(),
                connectionLimits.perAddress(),
                connectionsPerSecond,
                connectionLimits.surplus());
        return this;
    }

    /** What becomes of connections beyond a limit: by default they wait in the backlog. */
    public ServerConfigurator surplusConnections(Surplus surplus) {
        connectionLimits = new ConnectionLimits(
                connectionLimits.connections(), connectionLimits.perAddress(), connectionLimits.acceptRate(), surplus);
        return this;
    }

    /** How many event loops, each a thread, serve the sockets; by default one per processor. */
    public ServerConfigurator eventLoops(int loops) {
        eventLoops = loops;
        return this;
    }

    /** Who gets a new connection: by default each loop in turn. */
    public ServerConfigurator loadBalancer(LoadBalancer balancer) {
        loadBalancer = balancer;
        return this;
    }

    /**
     * Whether connections move by themselves from a loop that is busy to one that is not, while their bytes flow; by default
     * they do. Moves by hand, {@link SocketHandle#moveTo}, are always possible.
     */
    public ServerConfigurator rebalancing(boolean automatic) {
        rebalancing = automatic;
        return this;
    }

    /**
     * How long a callback may hang before that is logged, with its stack and its socket; by default 1 s. After a quarter of it
     * another thread goes on with the event loop, so that only this socket waits, for all that it was sent and asked. {@link
     * Duration#ZERO}: neither, and a callback that hangs holds up every socket of its loop.
     */
    public ServerConfigurator stallLimit(Duration time) {
        stallLimit = time;
        return this;
    }

    /**
     * What moves the bytes: {@code nio}, the default; {@code io_uring} or {@code epoll}, with the jar of
     * rocketsockets-native; or {@code auto}, the best of the three that works here, which the log of the start names. One
     * that was asked for by name and does not work here fails the start.
     */
    public ServerConfigurator engine(String name) {
        engine = String.valueOf(name);
        return this;
    }

    /** Reports an error together with those of the options themselves: for values from outside that make no sense. */
    public ServerConfigurator reject(String error) {
        errors.add(Objects.requireNonNull(error, "error"));
        return this;
    }

    /**
     * Runs the callbacks on this executor rather than on the event loops, so that they may block: those of one socket one at a
     * time and in their order, those of different sockets as the executor can. By default they run on the loops.
     *
     * <p>A socket is not read while its callback works. The bytes of a delivery are a copy, and die with the callback as
     * usual. A callback must not wait for the completion of a write of its own socket, which comes after it. When the
     * executor refuses to run a callback, the socket closes with {@link CloseReason#HANDLER_REFUSED}, and what it still has to
     * be told is told on the common pool. The executor is the application's: a stop waits for the callbacks within its grace,
     * and does not shut it down. With Java 21 and later: {@code Executors.newVirtualThreadPerTaskExecutor()}.
     */
    public ServerConfigurator blockingHandlers(Executor executor) {
        blockingHandlers = Objects.requireNonNull(executor, "executor");
        return this;
    }

    /** Adds one who hears what happens in the server; any number, told in the order of these calls. */
    public ServerConfigurator listener(ServerListener listener) {
        listeners.add(listener);
        return this;
    }

    ServerConfiguration freeze() {
        if (errors.isEmpty()) {
            return collected();
        }
        try {
            collected();
        } catch (ServerConfigurationException more) {
            errors.addAll(more.errors());
        }
        throw new ServerConfigurationException(errors);
    }

    private ServerConfiguration collected() {
        return new ServerConfiguration(
                endpoints.stream().map(EndpointConfigurator::freeze).toList(),
                engine,
                eventLoops,
                readBufferSize,
                writeBufferSize,
                writeLowWaterMark,
                writeHighWaterMark,
                writeQueueLimit,
                unsentBytesLimit == null
                        ? Math.max(Runtime.getRuntime().maxMemory() / 4, writeQueueLimit)
                        : unsentBytesLimit,
                connectionLimits,
                loadBalancer,
                rebalancing,
                stallLimit,
                listeners,
                blockingHandlers,
                certificate);
    }
}
