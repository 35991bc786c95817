package io.rocketsockets;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.Transport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One endpoint at work: accepts its connections and hands each to the loop that the {@link LoadBalancer} picks.
 *
 * <p><b>Threading:</b> confined to one loop, which accepts beside its other work: with no thread of its own a connection
 * that stays on this loop costs no switch. {@link #localAddress} from any thread.
 * <p><b>Failure:</b> when the system cannot accept, waits 100 ms, then twice as long up to 1 s, and says so once a pause.
 */
final class Acceptor implements AcceptHandler {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    private static final long SHORTEST_BACK_OFF_NANOS = 100_000_000;
    private static final long LONGEST_BACK_OFF_NANOS = 1_000_000_000;

    private final EndpointConfiguration endpoint;
    private final EventLoop loop;
    private final LoadBalancer balancer;
    private final Connections connections;

    /** Set by {@link #open}, before anything can be accepted. */
    @SuppressWarnings("NullAway.Init")
    private Listener listener;

    private final BackOff backOff = new BackOff();

    private Acceptor(EndpointConfiguration endpoint, EventLoop loop, LoadBalancer balancer, Connections connections) {
        this.endpoint = endpoint;
        this.loop = loop;
        this.balancer = balancer;
        this.connections = connections;
    }

    /** Binds, on the loop; accepts nothing before {@link #resume}. */
    static Acceptor open(EndpointConfiguration endpoint, EventLoop loop, LoadBalancer balancer, Connections connections)
            throws IOException {
        Acceptor acceptor = new Acceptor(endpoint, loop, balancer, connections);
        acceptor.listener = loop.engine.listen(addressOf(endpoint), endpoint.backlog(), acceptor);
        return acceptor;
    }

    private static SocketAddress addressOf(EndpointConfiguration endpoint) throws UnknownHostException {
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

    void resume() {
        listener.resume();
    }

    @Override
    public void onAccepted(Transport transport) {
        backOff.over();
        loop.meter.accepted();
        EventLoop owner = balancer.pick();
        Connection connection = new Connection(endpoint.name(), connections, transport, owner);
        if (owner == loop) {
            connection.onAdopted();
        } else if (!owner.execute(connection.new Adoption())) {
            loop.meter.turnedAway(CloseReason.STOPPED);
            transport.close();
        }
    }

    @Override
    public void onAcceptFailed(IOException cause) {
        listener.pause();
        backOff.begin(cause);
    }

    void close() {
        loop.timers.cancel(backOff);
        listener.close();
    }

    private final class BackOff extends TimerWheel.Timer {
        private long nanos = SHORTEST_BACK_OFF_NANOS;

        void begin(IOException cause) {
            loop.timers.set(this, loop.now() + nanos);
            Faults.log(LOG, "cannot accept for " + nanos / 1_000_000 + " ms: " + endpoint, cause);
            nanos = Math.min(2 * nanos, LONGEST_BACK_OFF_NANOS);
        }

        void over() {
            nanos = SHORTEST_BACK_OFF_NANOS;
        }

        @Override
        void fire() {
            listener.resume();
        }
    }
}
