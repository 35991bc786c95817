package io.rocketsockets;

import io.rocketsockets.tls.TlsEndpoint;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the connections of one run share: their sessions' factory, their limits, and the look-up by id. Any thread. */
final class Connections {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    final SocketSessionFactory sessions;
    final int lowWaterMark;
    final int highWaterMark;
    final int writeQueueLimit;

    final Admission admission;
    final ServerListener listener;

    /** Null when callbacks run on the loops. */
    final @Nullable Handlers handlers;

    final WriteBudget budget;

    // For what callbacks throw, which peers may provoke.
    final LogLimit callbackLog = new LogLimit();
    final LogLimit closeActionLog = new LogLimit();
    final LogLimit onExceptionLog = new LogLimit();

    /** What a {@link LoadBalancer} sees: computed when it is looked at. */
    final List<ServerStats.Loop> loopStats = new AbstractList<>() {
        @Override
        public ServerStats.Loop get(int number) {
            return loops.get(number).snapshot();
        }

        @Override
        public int size() {
            return loops.size();
        }
    };

    final LogLimit balancerLog = new LogLimit();

    /** For connections that are not admitted. */
    final LogLimit refusalLog = new LogLimit();

    /** By its handle, or by the number that is the handle's id: no key takes memory of its own. */
    private final ConcurrentHashMap<Object, Connection> byHandle = new ConcurrentHashMap<>();

    /** Finds the handle that has it: the map asks the key that is looked for whether it equals the one that is there. */
    private record Number(long number) {
        @Override
        public boolean equals(Object key) {
            return key instanceof ConnectionHandle handle && handle.number == number;
        }

        @Override
        public int hashCode() {
            return ConnectionHandle.hash(number);
        }
    }

    /** Those that speak TLS, by name; complete before anything is accepted. */
    final Map<String, TlsEndpoint> secure = new HashMap<>();

    private final AtomicBoolean warnedOfIdleSession = new AtomicBoolean();

    /** Those of this run, by number; complete before anything is accepted. */
    final List<EventLoop> loops = new ArrayList<>();

    Connections(ServerConfiguration configuration, SocketSessionFactory sessions) {
        this.sessions = sessions;
        this.lowWaterMark = configuration.writeLowWaterMark();
        this.highWaterMark = configuration.writeHighWaterMark();
        this.writeQueueLimit = configuration.writeQueueLimit();
        this.admission = new Admission(configuration);
        this.listener = new Listeners(configuration.listeners());
        Executor executor = configuration.blockingHandlers();
        this.handlers = executor == null ? null : new Handlers(executor);
        this.budget = new WriteBudget(configuration.unsentBytesLimit(), writeQueueLimit, all());
    }

    void add(Connection connection) {
        byHandle.put(connection.handle(), connection);
    }

    void remove(Connection connection) {
        byHandle.remove(connection.handle());
        turnAway(connection);
    }

    /** It was admitted, and is not opened or not open any more. */
    void turnAway(Connection connection) {
        admission.leave(connection.handle().endpoint(), connection.countedFor());
    }

    /** Those that have not been reaped; a live view. */
    Collection<Connection> all() {
        return byHandle.values();
    }

    Optional<SocketHandle> find(String id) {
        try {
            return Optional.ofNullable(byHandle.get(new Number(ConnectionHandle.numberOf(id))))
                    .<SocketHandle>map(Connection::handle)
                    .filter(handle -> handle.isOpen() && handle.id().equals(id));
        } catch (NumberFormatException noId) {
            return Optional.empty();
        }
    }

    /** Once a run: it is probably a mistake, and there may be thousands. */
    void warnOfIdleSession(Connection connection) {
        if (warnedOfIdleSession.compareAndSet(false, true)) {
            Faults.say(() -> LOG.warn(
                    "nothing is asked of a new connection and nothing will come: {}; call read() or startReading()"
                            + " on its handle (said once)",
                    connection.handle().idAndEndpoint()));
        }
    }
}
