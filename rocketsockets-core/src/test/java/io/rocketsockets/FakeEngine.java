package io.rocketsockets;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** An engine whose events a test writes: each, or those that happen together, are a turn, whose end the test waits for. */
final class FakeEngine implements Engine {
    /** An event that wakes the loop and reports nothing. */
    private static final List<Runnable> WAKE_UP = List.of();

    final Map<Transport, TransportHandler> handlers = new ConcurrentHashMap<>();
    final FakeListener listener = new FakeListener();
    final AtomicInteger failingPolls = new AtomicInteger();
    volatile TransportException adoptFailure;
    volatile Error adoptError;
    volatile boolean closed;
    volatile long lastTimeoutNanos;
    int polls;

    private final BlockingQueue<List<Runnable>> events = new LinkedBlockingQueue<>();
    private final Queue<Runnable> found = new ArrayDeque<>();

    /** Tells the tests of what this turn has dispatched, when it is over. */
    private final Queue<Runnable> tell = new ArrayDeque<>();

    private final ByteBuffer receive = ByteBuffer.allocateDirect(64 * 1024);
    private AcceptHandler acceptHandler;

    final class FakeListener implements Listener {
        volatile boolean listening;
        volatile boolean closed;

        @Override
        public SocketAddress localAddress() {
            return InetSocketAddress.createUnresolved("here", 2);
        }

        @Override
        public void pause() {
            listening = false;
        }

        @Override
        public void resume() {
            listening = true;
        }

        @Override
        public int refuseWaiting() {
            return 0;
        }

        @Override
        public void close() {
            listening = false;
            closed = true;
        }
    }

    // ---- What a test lets happen; returns once the turn is over ----

    void happens(Runnable event) throws Exception {
        happenTogether(List.of(event));
    }

    void happenTogether(List<Runnable> together) throws Exception {
        List<CompletableFuture<Void>> dispatched = new ArrayList<>();
        List<Runnable> turn = new ArrayList<>();
        for (Runnable event : together) {
            CompletableFuture<Void> told = new CompletableFuture<>();
            dispatched.add(told);
            turn.add(() -> dispatch(event, told));
        }
        events.add(turn);
        for (CompletableFuture<Void> told : dispatched) {
            told.get(10, TimeUnit.SECONDS);
        }
    }

    private void dispatch(Runnable event, CompletableFuture<Void> told) {
        try {
            event.run();
            tell.add(() -> told.complete(null));
        } catch (Throwable failure) {
            tell.add(() -> told.completeExceptionally(failure));
        }
    }

    private void turnIsOver() {
        while (!tell.isEmpty()) {
            tell.remove().run();
        }
    }

    void accepts(FakeTransport transport) throws Exception {
        happens(() -> acceptHandler.onAccepted(transport));
    }

    void cannotAccept(String why) throws Exception {
        happens(() -> acceptHandler.onAcceptFailed(new IOException(why)));
    }

    /** One read, into the one receive buffer, which is overwritten right after the delivery as the next read would. */
    void reads(FakeTransport transport, byte[] bytes) throws Exception {
        happens(() -> read(transport, bytes));
    }

    void read(FakeTransport transport, byte[] bytes) {
        handlers.get(transport).onRead(receive.clear().put(bytes).flip());
        receive.clear();
        while (receive.hasRemaining()) {
            receive.put((byte) 0xDD);
        }
    }

    // ---- Engine ----

    @Override
    public Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) {
        acceptHandler = handler;
        return listener;
    }

    @Override
    public void adopt(Transport transport, TransportHandler handler) throws TransportException {
        if (adoptFailure != null) {
            throw adoptFailure;
        }
        if (adoptError != null) {
            throw adoptError;
        }
        handlers.put(transport, handler);
    }

    @Override
    public int poll(long timeoutNanos) throws IOException {
        turnIsOver();
        polls++;
        lastTimeoutNanos = timeoutNanos;
        if (failingPolls.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
            throw new IOException("no poll");
        }
        try {
            List<Runnable> turn = timeoutNanos < 0 ? events.take() : events.poll(timeoutNanos, TimeUnit.NANOSECONDS);
            if (turn == null) {
                return 0;
            }
            found.addAll(turn);
            return turn.size();
        } catch (InterruptedException stopped) {
            return 0;
        }
    }

    @Override
    public void dispatch() {
        while (!found.isEmpty()) {
            found.remove().run();
        }
    }

    @Override
    public void wakeup() {
        events.add(WAKE_UP);
    }

    @Override
    public void close() {
        turnIsOver();
        closed = true;
    }
}
