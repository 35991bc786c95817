package io.rocketsockets;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.tls.TlsEndpoint;
import io.rocketsockets.tls.TlsWorkers;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All that one run of a server opens, from its start to its stop; the next run begins clean.
 *
 * <p><b>Threading:</b> opened and stopped by one thread, read by any.
 */
final class ServerRun {
    /** What the acceptors have to close within, before connections drain nevertheless: a callback may hold their loops. */
    private static final long CLOSE_NANOS = 100_000_000;

    /** What {@code stop} may take over its grace: half of it to cut off, half to give up on a hanging callback. */
    private static final long CUT_OFF_NANOS = 75_000_000;

    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    private final Connections connections;
    private final Engines.Choice engine;
    private final List<EventLoop> loops = new ArrayList<>();
    private final List<Acceptor> acceptors = new ArrayList<>();
    private @Nullable Watchdog watchdog;
    private @Nullable TlsWorkers tlsWorkers;

    private ServerRun(Connections connections, Engines.Choice engine) {
        this.connections = connections;
        this.engine = engine;
    }

    /**
     * Opens the loops, then the endpoints, which accept nothing yet.
     *
     * @throws ServerStartException with everything closed again
     */
    static ServerRun open(ServerConfiguration configuration, SocketSessionFactory sessions) {
        Engines.Choice engine = Engines.INSTALLED.choose(configuration.engine());
        ServerRun run = new ServerRun(new Connections(configuration, sessions), engine);
        try {
            run.openTls(configuration);
            run.openLoops(configuration);
            for (EndpointConfiguration endpoint : configuration.endpoints()) {
                run.openAcceptor(endpoint, configuration.loadBalancer());
            }
            return run;
        } catch (Throwable failure) {
            run.stop(SocketServer.DEFAULT_GRACE);
            throw failure;
        }
    }

    /** Begins to accept; apart from opening, so that the first callbacks find a server that knows its run. */
    void accept() {
        acceptors.forEach(acceptor -> acceptor.loop().execute(acceptor::resume));
    }

    void pause() {
        acceptors.forEach(acceptor -> acceptor.loop().execute(acceptor::pause));
    }

    void reload(ServerConfiguration next) {
        connections.admission.reload(next);
        connections.secure.values().forEach(TlsEndpoint::reload);
        for (EndpointConfiguration endpoint : next.endpoints()) {
            for (Acceptor acceptor : acceptors) {
                if (acceptor.endpoint().name().equals(endpoint.name())) {
                    acceptor.loop().execute(() -> acceptor.reload(endpoint));
                }
            }
        }
    }

    /** Whether every loop comes round within the time: a message through its mailbox shows that it polls and works. */
    boolean isResponsive(Duration within) throws InterruptedException {
        CountDownLatch answers = new CountDownLatch(loops.size());
        return loops.stream().allMatch(loop -> loop.execute(answers::countDown))
                && answers.await(nanosOf(within), TimeUnit.NANOSECONDS);
    }

    private void openTls(ServerConfiguration configuration) {
        for (EndpointConfiguration endpoint : configuration.endpoints()) {
            if (endpoint.secure()) {
                TlsWorkers workers = tlsWorkers == null ? new TlsWorkers() : tlsWorkers;
                tlsWorkers = workers;
                try {
                    TlsEndpoint tls = TlsEndpoint.open(
                            endpoint.name(),
                            endpoint.tls().withCertificate(configuration.certificate()),
                            configuration.readBufferSize(),
                            workers);
                    workers.watch(tls);
                    connections.secure.put(endpoint.name(), tls);
                } catch (IOException failure) {
                    throw new ServerStartException("cannot secure: " + endpoint + " " + failure.getMessage(), failure);
                }
            }
        }
    }

    private void openLoops(ServerConfiguration configuration) {
        for (int number = 0; number < configuration.eventLoops(); number++) {
            try {
                Engine opened = engine.factory().open(configuration.readBufferSize());
                EventLoop loop = new EventLoop(number, opened, configuration.writeBufferSize(), connections.all());
                loop.start();
                loops.add(loop);
                connections.loops.add(loop);
            } catch (IOException | OutOfMemoryError failure) {
                throw new ServerStartException(
                        "cannot open event loop: number=" + number + " of eventLoops=" + configuration.eventLoops()
                                + " engine=" + engine.name() + " " + failure.getMessage()
                                + "; lower eventLoops or raise the limit on descriptors, threads or memory",
                        failure);
            }
        }
        if (!configuration.stallLimit().isZero()) {
            watch(configuration.stallLimit());
        }
        if (configuration.rebalancing() && loops.size() > 1) {
            loops.forEach(loop -> loop.execute(() -> loop.rebalanceTo(connections.loops)));
        }
    }

    private void watch(Duration stallLimit) {
        Watchdog dog = new Watchdog(loops, nanosOf(stallLimit), listener());
        try {
            dog.start();
            watchdog = dog;
        } catch (OutOfMemoryError failure) {
            throw new ServerStartException(
                    "cannot start the watchdog: stallLimit=" + stallLimit + " " + failure.getMessage()
                            + "; raise the limit on threads or memory, or switch it off with Duration.ZERO",
                    failure);
        }
    }

    private void openAcceptor(EndpointConfiguration endpoint, LoadBalancer balancer) {
        EventLoop loop = loops.get(acceptors.size() % loops.size());
        CompletableFuture<Acceptor> opened = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                opened.complete(Acceptor.open(endpoint, loop, balancer, connections));
            } catch (Throwable failure) {
                opened.completeExceptionally(failure);
            }
        });
        try {
            acceptors.add(opened.join());
        } catch (CompletionException failure) {
            throw cannotListen(endpoint, Objects.requireNonNull(failure.getCause()));
        }
    }

    private static ServerStartException cannotListen(EndpointConfiguration endpoint, Throwable cause) {
        if (cause instanceof UnsupportedOperationException
                || cause instanceof SocketFile.Unusable) { // it tells the remedy
            return new ServerStartException("cannot listen: " + endpoint + " " + cause.getMessage(), cause);
        }
        String message = cause instanceof UnknownHostException ? "unknown host" : String.valueOf(cause.getMessage());
        String remedy;
        if (endpoint.descriptor() != EndpointConfiguration.NO_DESCRIPTOR) {
            remedy = "start the process with a listening socket as that descriptor, or remove adopt(..)";
        } else if (endpoint.socketFile().isPresent()) {
            remedy = "choose a path where this user may create files";
        } else if (message.contains("already in use")) {
            remedy = "stop the other process or use port 0";
        } else if (message.contains("ermission denied")) {
            remedy = "use a port above 1023 or grant CAP_NET_BIND_SERVICE";
        } else {
            remedy = "bind to an address of this machine or call bindToAll()";
        }
        return new ServerStartException("cannot listen: " + endpoint + " " + message + "; " + remedy, cause);
    }

    /** Ends the run within the grace plus 200 ms, whatever callbacks do. */
    ShutdownReport stop(Duration grace) {
        long deadline = System.nanoTime() + nanosOf(grace);
        acceptors.forEach(Acceptor::removeFile);
        boolean interrupted = closeAcceptors(deadline);
        post(ServerRun::drain);
        interrupted |= join(interrupted ? System.nanoTime() : deadline);
        post(EventLoop::cutOff);
        interrupted |= join(System.nanoTime() + CUT_OFF_NANOS);
        ShutdownReport report = ShutdownReport.EMPTY;
        for (EventLoop loop : loops) {
            report = report.plus(loop.report());
            if (loop.isAlive()) {
                report = report.plus(abandon(loop));
            }
        }
        interrupted |= join(System.nanoTime() + CUT_OFF_NANOS);
        long end = deadline + 2 * CUT_OFF_NANOS;
        interrupted |= endHandlers(interrupted ? System.nanoTime() : end);
        interrupted |= endWatchdog();
        interrupted |= endTlsWorkers(interrupted ? System.nanoTime() : end);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return report;
    }

    /** Some 292 years are no shorter than for ever. */
    private static long nanosOf(Duration grace) {
        try {
            return Math.max(0, grace.toNanos());
        } catch (ArithmeticException forEver) {
            return grace.isNegative() ? 0 : Long.MAX_VALUE / 2;
        }
    }

    private void post(Consumer<EventLoop> step) {
        for (EventLoop loop : loops) {
            loop.execute(() -> step.accept(loop));
        }
    }

    /** First of all: whoever has been accepted is on its loop, or on the way there, before that drains; true when interrupted. */
    private boolean closeAcceptors(long deadline) {
        CountDownLatch closed = new CountDownLatch(acceptors.size());
        for (Acceptor acceptor : acceptors) {
            Runnable close = () -> {
                acceptor.close();
                closed.countDown();
            };
            if (!acceptor.loop().execute(close)) {
                closed.countDown(); // with its loop
            }
        }
        try {
            closed.await(Math.min(CLOSE_NANOS, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            return false;
        } catch (InterruptedException hurry) {
            return true;
        }
    }

    private static void drain(EventLoop loop) {
        loop.stopWhenEmpty();
        loop.afterNextTurn(() -> loop.owned().forEach(Connection::stopWithServer));
    }

    /** A callback does not return: its loop's sockets are cut off over its head, and it is interrupted. */
    private static ShutdownReport abandon(EventLoop loop) {
        ShutdownReport[] report = {ShutdownReport.EMPTY};
        loop.owned().forEach(connection -> {
            SocketHandle handle = connection.handle();
            report[0] = report[0].plus(ShutdownReport.forced(handle, handle.unsentBytes()));
        });
        loop.abandon();
        return report[0];
    }

    /** Waits for what still works on the application's executor; true when interrupted. */
    private boolean endHandlers(long deadline) {
        try {
            int left = connections.handlers == null ? 0 : connections.handlers.await(deadline);
            if (left > 0) {
                LOG.warn(
                        "stopped while callbacks still work: sockets={}; let what they wait for end, or give stop more grace",
                        left);
            }
            return false;
        } catch (InterruptedException hurry) {
            return true;
        }
    }

    /** True when interrupted. */
    private boolean endWatchdog() {
        if (watchdog != null) {
            watchdog.stop();
            try {
                watchdog.join();
            } catch (InterruptedException hurry) {
                return true;
            }
        }
        return false;
    }

    /** True when interrupted. A task that does not end, such as one of an application's key manager, is left behind. */
    private boolean endTlsWorkers(long deadline) {
        if (tlsWorkers != null) {
            try {
                tlsWorkers.stop(deadline);
            } catch (InterruptedException hurry) {
                return true;
            }
        }
        return false;
    }

    /** Waits for every loop, until the deadline; true when interrupted, which ends the wait. */
    private boolean join(long deadline) {
        try {
            for (EventLoop loop : loops) {
                loop.join(deadline - System.nanoTime());
            }
            return false;
        } catch (InterruptedException hurry) {
            return true;
        }
    }

    /** What was chosen, and why not a better one; for the log. */
    Engines.Choice engine() {
        return engine;
    }

    ServerListener listener() {
        return connections.listener;
    }

    boolean isOnItsLoop() {
        return Thread.currentThread() instanceof LoopThread thread && loops.contains(thread.loop())
                || connections.handlers != null && connections.handlers.isCalling();
    }

    SocketAddress localAddress(String endpointName) {
        return acceptors.stream()
                .filter(acceptor -> acceptor.endpoint().name().equals(endpointName))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such endpoint: name=" + endpointName
                        + " is not one of "
                        + acceptors.stream().map(a -> a.endpoint().name()).toList()))
                .localAddress();
    }

    Optional<SocketHandle> socket(String id) {
        return connections.find(id);
    }

    ServerStats stats() {
        return LoopMeter.sum(
                loops.stream().map(loop -> loop.meter).toList(),
                loops.stream().map(EventLoop::snapshot).toList());
    }

    @Override
    public String toString() {
        return acceptors.stream()
                .map(acceptor -> acceptor.endpoint().name() + "=" + acceptor.localAddress())
                .collect(Collectors.joining(" "));
    }
}
