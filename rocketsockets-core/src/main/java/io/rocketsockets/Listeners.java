package io.rocketsockets;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one way of all events of a run: to those who listen, in their order, each kept from the faults of the others. */
final class Listeners implements ServerListener {
    private static final Logger LOG = LoggerFactory.getLogger(ServerListener.class);

    private final List<ServerListener> listeners;
    private final LogLimit log = new LogLimit();

    /** The application's, and the flight recorder where there is one. */
    Listeners(List<ServerListener> ofApplication) {
        listeners = new ArrayList<>(ofApplication);
        try {
            listeners.add(new FlightRecorderListener());
        } catch (LinkageError absent) {
            LOG.debug("no events for the flight recorder: the module jdk.jfr is absent", absent);
        }
    }

    private void tell(Consumer<ServerListener> event) {
        for (ServerListener listener : listeners) {
            try {
                event.accept(listener);
            } catch (Throwable fault) {
                if (log.permits()) {
                    Faults.log(LOG, "listener threw: " + listener.getClass().getName() + log.leftOut(), fault);
                }
            }
        }
    }

    @Override
    public void onStarted(SocketServer server) {
        tell(listener -> listener.onStarted(server));
    }

    @Override
    public void onStopped(SocketServer server) {
        tell(listener -> listener.onStopped(server));
    }

    @Override
    public void onOpened(SocketHandle socket) {
        tell(listener -> listener.onOpened(socket));
    }

    @Override
    public void onClosed(SocketHandle socket, CloseReason reason, long bytesRead, long bytesWritten) {
        tell(listener -> listener.onClosed(socket, reason, bytesRead, bytesWritten));
    }

    @Override
    public void onRefused(String endpoint, SocketAddress remoteAddress, CloseReason reason) {
        tell(listener -> listener.onRefused(endpoint, remoteAddress, reason));
    }

    @Override
    public void onBackPressureBegins(SocketHandle socket) {
        tell(listener -> listener.onBackPressureBegins(socket));
    }

    @Override
    public void onBackPressureEnds(SocketHandle socket) {
        tell(listener -> listener.onBackPressureEnds(socket));
    }

    @Override
    public void onMoved(SocketHandle socket, int fromLoop, int toLoop) {
        tell(listener -> listener.onMoved(socket, fromLoop, toLoop));
    }

    @Override
    public void onStalled(int loop, @Nullable SocketHandle socket, Duration soFar) {
        tell(listener -> listener.onStalled(loop, socket, soFar));
    }
}
