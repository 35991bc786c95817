package io.rocketsockets.daemon;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.rocketsockets.SocketServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells those who ask whether the process is ready, and whether it is alive: systemd's watchdog, an orchestrator by HTTP or
 * by files. Alive means that every loop of every running server comes round.
 *
 * <p><b>Threading:</b> {@link #open}, {@link #ready} and {@link #close} by the host's thread; a thread of its own looks
 * regularly, and one answers HTTP, each only if it is configured.
 */
final class Health implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Health.class);

    private static final Duration FILE_PERIOD = Duration.ofSeconds(5);

    /** How long a loop may take to come round for somebody who asks by HTTP; below the second that Kubernetes waits. */
    private static final Duration PROBE_LIMIT = Duration.ofMillis(500);

    private final DaemonConfiguration configuration;
    private final Supervisor supervisor;
    private final Collection<SocketServer> servers;
    private final CountDownLatch closed = new CountDownLatch(1);
    private @Nullable HttpServer http;

    /** Read by whoever asks. */
    private volatile boolean ready;

    private Health(DaemonConfiguration configuration, Supervisor supervisor, Collection<SocketServer> servers) {
        this.configuration = configuration;
        this.supervisor = supervisor;
        this.servers = List.copyOf(servers);
    }

    /** @throws DaemonStartException when the endpoint cannot be bound */
    static Health open(DaemonConfiguration configuration, Supervisor supervisor, Collection<SocketServer> servers) {
        Health health = new Health(configuration, supervisor, servers);
        health.ready(false);
        health.listen();
        health.watch();
        return health;
    }

    private void listen() {
        InetSocketAddress address = configuration.healthEndpoint();
        if (address == null) {
            return;
        }
        try {
            http = HttpServer.create(new InetSocketAddress(address.getHostString(), address.getPort()), 0);
        } catch (IOException | RuntimeException failure) {
            throw new DaemonStartException(
                    "cannot listen: healthEndpoint=" + address.getHostString() + ":" + address.getPort() + " "
                            + failure.getMessage() + "; pass an address of this machine and a free port",
                    failure);
        }
        http.createContext("/live", exchange -> answer(exchange, isLive(PROBE_LIMIT)));
        http.createContext("/ready", exchange -> answer(exchange, ready && isLive(PROBE_LIMIT)));
        http.start();
        LOG.info("health: http:/{}/live and /ready", http.getAddress());
    }

    private static void answer(HttpExchange exchange, boolean well) throws IOException {
        byte[] text = (well ? "yes\n" : "no\n").getBytes(US_ASCII);
        try (exchange) {
            exchange.sendResponseHeaders(well ? 200 : 503, text.length);
            exchange.getResponseBody().write(text);
        }
    }

    /** Looks twice in the time that the most impatient gives. */
    private void watch() {
        Stream<Duration> periods = Stream.concat(
                supervisor.watchdog().map(time -> time.dividedBy(2)).stream(),
                Stream.ofNullable(configuration.liveFile()).map(file -> FILE_PERIOD));
        periods.min(Duration::compareTo).ifPresent(period -> {
            Thread watch = new Thread(() -> watch(period), "health-" + configuration.name());
            watch.setDaemon(true);
            watch.start();
        });
    }

    private void watch(Duration period) {
        try {
            do {
                if (isLive(period.dividedBy(2))) {
                    supervisor.watchdog().ifPresent(time -> supervisor.alive());
                    touchLiveFile();
                } else {
                    LOG.error(
                            "a loop has not come round within {} ms: the watchdog is not told that all is well",
                            period.dividedBy(2).toMillis());
                }
            } while (!closed.await(period.toNanos(), NANOSECONDS));
        } catch (InterruptedException end) {
            LOG.debug("health is not watched any more", end);
        }
    }

    /** A server that does not run, yet or any more, is not ill. */
    private boolean isLive(Duration within) {
        try {
            for (SocketServer server : servers) {
                if (server.isRunning() && !server.isResponsive(within) && server.isRunning()) {
                    return false;
                }
            }
            return true;
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    void ready(boolean ready) {
        this.ready = ready;
        Path file = configuration.readyFile();
        if (file == null) {
            return;
        }
        try {
            Files.deleteIfExists(file);
            if (ready) {
                Files.createFile(file);
            }
        } catch (IOException failure) {
            LOG.error("cannot tell that the daemon is {}ready: readyFile={}", ready ? "" : "not ", file, failure);
        }
    }

    private void touchLiveFile() {
        Path file = configuration.liveFile();
        if (file == null) {
            return;
        }
        try {
            if (!Files.exists(file)) {
                Files.createFile(file);
            }
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException failure) {
            LOG.error("cannot tell that the daemon is alive: liveFile={}", file, failure);
        }
    }

    @Override
    public void close() {
        closed.countDown();
        if (http != null) {
            http.stop(0);
        }
        Path file = configuration.liveFile();
        if (file != null) {
            try {
                Files.deleteIfExists(file);
            } catch (IOException failure) {
                LOG.error("cannot remove liveFile={}", file, failure);
            }
        }
    }
}
