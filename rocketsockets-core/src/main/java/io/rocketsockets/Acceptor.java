package io.rocketsockets;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.InheritedSocket;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.proxy.ProxyEndpoint;
import io.rocketsockets.tls.TlsEndpoint;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One endpoint at work: accepts its connections and hands each to the loop that the {@link LoadBalancer} picks.
 *
 * <p><b>Threading:</b> confined to one loop, which accepts beside its other work: with no thread of its own a connection
 * that stays on this loop costs no switch. {@link #localAddress} from any thread.
 * <p><b>Limits:</b> what {@link Admission} does not let in waits or is refused.
 * <p><b>Failure:</b> when the system cannot accept, waits 100 ms, then twice as long up to 1 s, and says so once a pause.
 */
final class Acceptor implements AcceptHandler {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    private static final long SHORTEST_BACK_OFF_NANOS = 100_000_000;
    private static final long LONGEST_BACK_OFF_NANOS = 1_000_000_000;

    /** Written on the loop. */
    private volatile EndpointConfiguration endpoint;

    private final EventLoop loop;
    private final LoadBalancer balancer;
    private final Connections connections;
    private final ProxyEndpoint proxies;

    /** Set by {@link #open}, before anything can be accepted. */
    @SuppressWarnings("NullAway.Init")
    private Listener listener;

    /** Of a Unix socket; set by {@link #open}, then of the thread that stops. */
    private @Nullable SocketFile file;

    private boolean paused;
    private final BackOff backOff = new BackOff();
    private final Retry retry = new Retry();

    /** Accepted and not admitted: one, which stopped the accepting, and what the engine had accepted by then. */
    private final Queue<Transport> parked = new ArrayDeque<>();

    private Acceptor(EndpointConfiguration endpoint, EventLoop loop, LoadBalancer balancer, Connections connections) {
        this.endpoint = endpoint;
        this.loop = loop;
        this.balancer = balancer;
        this.connections = connections;
        this.proxies = new ProxyEndpoint(endpoint.proxyProtocol());
    }

    /** Binds, on the loop; accepts nothing before {@link #resume}. */
    static Acceptor open(EndpointConfiguration endpoint, EventLoop loop, LoadBalancer balancer, Connections connections)
            throws IOException {
        Acceptor acceptor = new Acceptor(endpoint, loop, balancer, connections);
        ListenOptions options = new ListenOptions(
                endpoint.backlog(),
                endpoint.keepAlive(),
                endpoint.userTimeout(),
                SocketFile.permissions(endpoint.socketMode()));
        SocketAddress address = addressOf(endpoint);
        SocketFile file = address instanceof UnixDomainSocketAddress unix ? SocketFile.clear(unix.getPath()) : null;
        acceptor.listener = loop.engine.listen(address, options, acceptor);
        if (file != null) {
            file.created();
            acceptor.file = file;
        }
        return acceptor;
    }

    private static SocketAddress addressOf(EndpointConfiguration endpoint) throws UnknownHostException {
        if (endpoint.descriptor() != EndpointConfiguration.NO_DESCRIPTOR) {
            return new InheritedSocket(endpoint.descriptor());
        }
        Optional<Path> file = endpoint.socketFile();
        if (file.isPresent()) {
            return UnixDomainSocketAddress.of(file.get());
        }
        boolean isWildcard = endpoint.host().equals(EndpointConfiguration.ALL_INTERFACES);
        return new InetSocketAddress(InetAddress.getByName(isWildcard ? "::" : endpoint.host()), endpoint.port());
    }

    EndpointConfiguration endpoint() {
        return endpoint;
    }

    EventLoop loop() {
        return loop;
    }

    SocketAddress localAddress() {
        return listener.localAddress();
    }

    /** What has been accepted by now and not admitted waits with those in the backlog. */
    void pause() {
        paused = true;
        listener.pause();
    }

    void resume() {
        paused = false;
        retry.fire();
    }

    /** For the connections from now on. */
    void reload(EndpointConfiguration next) {
        endpoint = next;
    }

    private void acceptAgain() {
        if (!paused && parked.isEmpty() && !backOff.isSet()) {
            listener.resume();
        }
    }

    @Override
    public void onAccepted(Transport transport) {
        backOff.over();
        if (paused || !parked.isEmpty() || !settle(transport)) {
            parked.add(transport);
            retry.waitForRoom();
        }
    }

    /** Admits or refuses; false when the connection has to wait. */
    private boolean settle(Transport transport) {
        SocketAddress peer = transport.remoteAddress();
        SocketAddress counted = proxies.mayRelay(peer) ? null : peer;
        CloseReason refusal = connections.admission.enter(endpoint.name(), counted, loop.systemNow());
        if (refusal == null) {
            place(transport, counted);
        } else if (refusal == CloseReason.LIMIT_ADDRESS || connections.admission.refusesSurplus()) {
            refuse(transport, refusal);
        } else {
            return false;
        }
        return true;
    }

    private void place(Transport transport, @Nullable SocketAddress counted) {
        EventLoop owner;
        Connection connection;
        Connection.Adoption adoption;
        try {
            EventLoop picked = pick(transport.remoteAddress());
            owner = picked == loop || leaves(transport) ? picked : loop;
            connection = new Connection(endpoint, connections, filtered(transport), counted, owner);
            adoption = connection.new Adoption();
        } catch (Throwable fault) { // the heap is full, most likely
            connections.admission.leave(endpoint.name(), counted);
            // First, since there may be no memory for the line either.
            refuse(transport, CloseReason.ERROR);
            Faults.log(LOG, "cannot take a connection: " + endpoint, fault);
            return;
        }
        loop.meter.accepted();
        // Those that had waited come by the mailbox: a callback that hangs must not keep the accepting from going on.
        if (owner == loop && parked.isEmpty()) {
            connection.onAdopted();
        } else if (!owner.expect() || !owner.execute(adoption)) {
            adoption.refuse();
        }
    }

    /** With what stands between it and its connection: nothing on a plain endpoint. */
    private Transport filtered(Transport transport) {
        TlsEndpoint tls = connections.secure.get(endpoint.name());
        Transport behindProxy = proxies.over(transport);
        return tls == null ? behindProxy : tls.over(behindProxy);
    }

    /** False when the system has no descriptor for the way; then the connection stays. */
    private static boolean leaves(Transport transport) {
        try {
            transport.detach();
            return true;
        } catch (TransportException refused) {
            LOG.debug("connection stays on the loop that accepted it: {}", refused.getMessage());
            return false;
        }
    }

    private EventLoop pick(SocketAddress peer) {
        try {
            return connections.loops.get(balancer.pick(peer, connections.loopStats));
        } catch (RuntimeException fault) {
            if (connections.balancerLog.permits()) {
                Faults.log(
                        LOG,
                        "load balancer failed: " + endpoint + " peer=" + peer + "; the loop that accepted takes the"
                                + " connection" + connections.balancerLog.leftOut(),
                        fault);
            }
            return loop;
        }
    }

    private void refuse(Transport transport, CloseReason reason) {
        loop.meter.accepted();
        loop.meter.turnedAway(reason);
        connections.listener.onRefused(endpoint.name(), transport.remoteAddress(), reason);
        Faults.close(LOG, endpoint, transport::reset);
        if (connections.refusalLog.permits()) {
            Faults.say(() -> LOG.warn(
                    "connection refused: {} peer={} reason={}{}",
                    endpoint,
                    transport.remoteAddress(),
                    reason,
                    connections.refusalLog.leftOut()));
        }
    }

    @Override
    public void onAcceptFailed(IOException cause) {
        listener.pause();
        int refused = connections.admission.refusesSurplus() ? listener.refuseWaiting() : 0;
        backOff.begin(cause, refused);
    }

    /** Before {@link #close()}, on the thread that stops: peers do not find the endpoint any more. */
    void removeFile() {
        if (file != null) {
            try {
                file.delete();
            } catch (IOException failure) {
                Faults.log(LOG, "cannot remove the socket's file: " + endpoint, failure);
            }
        }
    }

    void close() {
        loop.timers.cancel(backOff);
        loop.timers.cancel(retry);
        parked.forEach(transport -> Faults.close(LOG, endpoint, transport::close));
        parked.clear();
        Faults.close(LOG, endpoint, listener::close);
    }

    /** Accepting goes on when those who wait have been admitted. */
    private final class Retry extends TimerWheel.Timer {
        private final Runnable fromAnyThread = () -> loop.execute(this::fire);

        void waitForRoom() {
            listener.pause();
            connections.admission.whenRoom(fromAnyThread);
            if (settleParked()) { // whoever left before the line above told nobody
                acceptAgain();
                return;
            }
            long nanos = connections.admission.nanosToNext(loop.systemNow());
            if (nanos > 0) {
                loop.timers.set(this, loop.now() + nanos);
            }
            LOG.debug("accepting waits for room: {}", endpoint);
        }

        @Override
        void fire() {
            if (settleParked()) {
                acceptAgain();
            } else {
                waitForRoom();
            }
        }

        private boolean settleParked() {
            while (!parked.isEmpty()) {
                if (paused || !settle(parked.element())) {
                    return false;
                }
                parked.remove();
            }
            return true;
        }
    }

    private final class BackOff extends TimerWheel.Timer {
        private long nanos = SHORTEST_BACK_OFF_NANOS;

        void begin(IOException cause, int refused) {
            loop.timers.set(this, loop.now() + nanos);
            String waiting = connections.admission.refusesSurplus() ? " refused=" + refused : "";
            Faults.log(LOG, "cannot accept for " + nanos / 1_000_000 + " ms: " + endpoint + waiting, cause);
            nanos = Math.min(2 * nanos, LONGEST_BACK_OFF_NANOS);
        }

        void over() {
            nanos = SHORTEST_BACK_OFF_NANOS;
        }

        @Override
        void fire() {
            acceptAgain();
        }
    }
}
