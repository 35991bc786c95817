package io.rocketsockets;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes {@link SocketServer}s.
 *
 * <pre>{@code
 * SocketServer server = RocketServer.create(x -> x.useDefaultEndpoint());
 * server.start(socket -> { socket.startReading(); return null; }, (id, bytes) -> ...);
 * }</pre>
 */
public final class RocketServer implements SocketServer {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    // Immutable.
    private final @Nullable SocketSessionFactory boundSessions;
    private final Object transition = new Object();

    // Any thread; written under the lock of transition.
    private volatile ServerState state = ServerState.STOPPED;

    /** That of the next run, and of the current one as far as it can be reloaded. */
    private volatile ServerConfiguration configuration;

    /** The current run, or the last one for its counts. */
    private volatile @Nullable ServerRun run;

    private RocketServer(ServerConfiguration configuration, @Nullable SocketSessionFactory boundSessions) {
        this.configuration = Objects.requireNonNull(configuration, "configuration");
        this.boundSessions = boundSessions;
    }

    /**
     * Configures a server; starts nothing.
     *
     * @throws ServerConfigurationException with every error of the configuration
     */
    public static SocketServer create(Consumer<? super ServerConfigurator> options) {
        return create(ServerConfiguration.of(options));
    }

    /** A server of that configuration; starts nothing. */
    public static SocketServer create(ServerConfiguration configuration) {
        return new RocketServer(configuration, null);
    }

    /** A server whose {@link SocketServer#start()} uses these sessions; starts nothing. */
    public static SocketServer create(ServerConfiguration configuration, SocketSessionFactory sessions) {
        return new RocketServer(configuration, Objects.requireNonNull(sessions, "sessions"));
    }

    /** A server whose {@link SocketServer#start()} uses these callbacks; starts nothing. */
    public static SocketServer create(
            ServerConfiguration configuration, OnConnectionReceived onConnection, OnBytesReceived onBytes) {
        return new RocketServer(configuration, sessionsOf(onConnection, onBytes));
    }

    private static SocketSessionFactory sessionsOf(OnConnectionReceived onConnection, OnBytesReceived onBytes) {
        return new CallbackSessions(
                Objects.requireNonNull(onConnection, "onConnection"), Objects.requireNonNull(onBytes, "onBytes"));
    }

    @Override
    public void start() {
        if (boundSessions == null) {
            throw new IllegalStateException("server cannot start: neither sessions nor callbacks are bound;"
                    + " bind a SocketSessionFactory, or an OnConnectionReceived and an OnBytesReceived,"
                    + " or pass them to start(..)");
        }
        start(boundSessions);
    }

    @Override
    public void start(OnConnectionReceived onConnection, OnBytesReceived onBytes) {
        start(sessionsOf(onConnection, onBytes));
    }

    @Override
    public void start(SocketSessionFactory sessions) {
        Objects.requireNonNull(sessions, "sessions");
        become(ServerState.STARTING);
        ServerState outcome = ServerState.STOPPED;
        ServerRun opened;
        try {
            opened = ServerRun.open(configuration, sessions);
            run = opened;
            outcome = ServerState.RUNNING;
        } finally {
            become(outcome);
        }
        opened.listener().onStarted(this);
        opened.accept();
        Faults.say(() ->
                LOG.info("listening: {} loops={} engine={}", opened, configuration.eventLoops(), opened.engine()));
    }

    @Override
    public ShutdownReport stop() {
        return stop(DEFAULT_GRACE);
    }

    @Override
    public ShutdownReport stop(Duration grace) {
        Objects.requireNonNull(grace, "grace");
        ServerRun current = run;
        if (current != null && current.isOnItsLoop()) {
            throw new IllegalStateException("server cannot stop on its own loop, which would wait for itself: thread="
                    + Thread.currentThread().getName() + "; call stop() from another thread");
        }
        if (!beginStop()) {
            return ShutdownReport.EMPTY;
        }
        try {
            ServerRun ending = Objects.requireNonNull(run);
            ShutdownReport report = ending.stop(grace);
            ending.listener().onStopped(this);
            Faults.say(() -> LOG.info("stopped: {} {}", ending, report));
            return report;
        } finally {
            become(ServerState.STOPPED);
        }
    }

    /** Waits for a start or another stop under way; false when there is nothing to stop. */
    private boolean beginStop() {
        synchronized (transition) {
            boolean interrupted = false;
            while (state == ServerState.STARTING || state == ServerState.STOPPING) {
                try {
                    transition.wait();
                } catch (InterruptedException later) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            if (state == ServerState.STOPPED) {
                return false;
            }
            become(ServerState.STOPPING);
            return true;
        }
    }

    /** The only writer of the state. */
    private void become(ServerState next) {
        synchronized (transition) {
            if (!state.canBecome(next)) {
                throw new IllegalStateException("server cannot become " + next + ": state=" + state
                        + "; a server starts when it is stopped: call stop() first, or wait for it");
            }
            state = next;
            transition.notifyAll();
        }
    }

    @Override
    public void pause() {
        ServerRun current = run;
        if (current != null && isRunning()) {
            current.pause();
            LOG.info("accepting is paused: {}", current);
        }
    }

    @Override
    public void resume() {
        ServerRun current = run;
        if (current != null && isRunning()) {
            current.accept();
            LOG.info("accepting is resumed: {}", current);
        }
    }

    @Override
    public void reload(ServerConfiguration next) {
        Objects.requireNonNull(next, "next");
        synchronized (transition) {
            configuration = next;
            if (run != null && isRunning()) {
                run.reload(next);
            }
        }
    }

    @Override
    public boolean isResponsive(Duration within) throws InterruptedException {
        Objects.requireNonNull(within, "within");
        ServerRun current = run;
        return current != null && isRunning() && current.isResponsive(within);
    }

    @Override
    public ServerState state() {
        return state;
    }

    @Override
    public SocketAddress localAddress(String endpointName) {
        ServerRun current = run;
        if (current == null || state != ServerState.RUNNING) {
            throw new IllegalStateException(
                    "no address: endpoint=" + endpointName + " is not bound, state=" + state + "; call start() first");
        }
        return current.localAddress(endpointName);
    }

    @Override
    public Optional<SocketHandle> socket(String id) {
        ServerRun current = run;
        return current == null ? Optional.empty() : current.socket(id);
    }

    @Override
    public ServerStats stats() {
        ServerRun current = run;
        return current == null ? ServerStats.EMPTY : current.stats();
    }

    @Override
    public String toString() {
        return "RocketServer " + state + " " + configuration.endpoints();
    }
}
