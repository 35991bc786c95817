package io.rocketsockets;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/**
 * Writes what happens to the JDK's flight recorder. Before the first recording an event is one question, whether there has
 * been any: the first event made has the recorder load what it needs, which would hold a loop up for a tenth of a second.
 * Later it is whether the event is enabled.
 *
 * <p>This class and its events are the only ones that need the module jdk.jfr.
 */
@SuppressWarnings("UnusedVariable") // the recorder reads them
final class FlightRecorderListener implements ServerListener {
    /** Loaded now, since there may be no descriptor to load them with when they are wanted: see {@link Faults}. */
    static final List<Class<?>> EVENTS = List.of(
            SocketOpened.class,
            SocketClosed.class,
            SocketRefused.class,
            BackPressure.class,
            SocketMoved.class,
            LoopStalled.class);

    @Override
    public void onOpened(SocketHandle socket) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        SocketOpened event = new SocketOpened();
        if (event.isEnabled()) {
            event.tellOf(socket);
            event.remoteAddress = socket.remoteAddress().toString();
            event.commit();
        }
    }

    @Override
    public void onClosed(SocketHandle socket, CloseReason reason, long bytesRead, long bytesWritten) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        SocketClosed event = new SocketClosed();
        if (event.isEnabled()) {
            event.tellOf(socket);
            event.remoteAddress = socket.remoteAddress().toString();
            event.reason = reason.name();
            event.bytesRead = bytesRead;
            event.bytesWritten = bytesWritten;
            event.commit();
        }
    }

    @Override
    public void onRefused(String endpoint, SocketAddress remoteAddress, CloseReason reason) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        SocketRefused event = new SocketRefused();
        if (event.isEnabled()) {
            event.endpoint = endpoint;
            event.remoteAddress = remoteAddress.toString();
            event.reason = reason.name();
            event.commit();
        }
    }

    @Override
    public void onBackPressureBegins(SocketHandle socket) {
        backPressure(socket, true);
    }

    @Override
    public void onBackPressureEnds(SocketHandle socket) {
        backPressure(socket, false);
    }

    private static void backPressure(SocketHandle socket, boolean on) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        BackPressure event = new BackPressure();
        if (event.isEnabled()) {
            event.tellOf(socket);
            event.on = on;
            event.unsentBytes = socket.unsentBytes();
            event.commit();
        }
    }

    @Override
    public void onMoved(SocketHandle socket, int fromLoop, int toLoop) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        SocketMoved event = new SocketMoved();
        if (event.isEnabled()) {
            event.tellOf(socket);
            event.fromLoop = fromLoop;
            event.toLoop = toLoop;
            event.commit();
        }
    }

    @Override
    public void onStalled(int loop, @Nullable SocketHandle socket, Duration soFar) {
        if (!FlightRecorder.isInitialized()) {
            return;
        }
        LoopStalled event = new LoopStalled();
        if (event.isEnabled()) {
            event.loop = loop;
            event.soFar = soFar.toNanos();
            if (socket != null) {
                event.tellOf(socket);
            }
            event.commit();
        }
    }

    /** What the events have in common: a time, a thread (the loop's), no duration and no stack. */
    @Category("rocketsockets")
    @StackTrace(false)
    private abstract static class ServerEvent extends Event {
        @Label("Endpoint")
        @Nullable
        String endpoint;
    }

    private abstract static class SocketEvent extends ServerEvent {
        @Label("Socket")
        @Nullable
        String socketId;

        final void tellOf(SocketHandle socket) {
            socketId = socket.id();
            endpoint = socket.endpoint();
        }
    }

    @Name("io.rocketsockets.SocketOpened")
    @Label("Socket Opened")
    private static final class SocketOpened extends SocketEvent {
        @Label("Remote Address")
        @Nullable
        String remoteAddress;
    }

    @Name("io.rocketsockets.SocketClosed")
    @Label("Socket Closed")
    private static final class SocketClosed extends SocketEvent {
        @Label("Remote Address")
        @Nullable
        String remoteAddress;

        @Label("Reason")
        @Nullable
        String reason;

        @Label("Bytes Read")
        @DataAmount
        long bytesRead;

        @Label("Bytes Written")
        @DataAmount
        long bytesWritten;
    }

    @Name("io.rocketsockets.SocketRefused")
    @Label("Socket Refused")
    @Description("Accepted and turned away before it had a session")
    private static final class SocketRefused extends ServerEvent {
        @Label("Remote Address")
        @Nullable
        String remoteAddress;

        @Label("Reason")
        @Nullable
        String reason;
    }

    @Name("io.rocketsockets.BackPressure")
    @Label("Back-Pressure")
    @Description("The peer does not take what is written to it, and the socket is not read; or is again")
    private static final class BackPressure extends SocketEvent {
        @Label("On")
        boolean on;

        @Label("Unsent Bytes")
        @DataAmount
        long unsentBytes;
    }

    @Name("io.rocketsockets.SocketMoved")
    @Label("Socket Moved")
    @Description("From one event loop to another")
    private static final class SocketMoved extends SocketEvent {
        @Label("From Loop")
        int fromLoop;

        @Label("To Loop")
        int toLoop;
    }

    @Name("io.rocketsockets.LoopStalled")
    @Label("Loop Stalled")
    @Description("A callback has held up its event loop for longer than stallLimit")
    private static final class LoopStalled extends SocketEvent {
        @Label("Loop")
        int loop;

        @Label("So Far")
        @Timespan(Timespan.NANOSECONDS)
        long soFar;
    }
}
