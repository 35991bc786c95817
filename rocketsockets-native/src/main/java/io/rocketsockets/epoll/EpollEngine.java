package io.rocketsockets.epoll;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.LookAhead;
import io.rocketsockets.engine.LoudSockets;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.Libc;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One epoll instance and the sockets that it watches.
 *
 * <p><b>Events</b> carry the number of their descriptor and its generation: a number that was closed and given to another
 * socket since the wait is of another generation, and what was found for the old one is not reported to the new one.
 * <p><b>Edge-triggered</b> for connections, which spares the kernel a second look at each (1 to 2 % of an echo of 64 bytes). What
 * was found and not dispatched, since a handler failed or another thread has taken over, is dispatched before the next wait.
 *
 * <p><b>Threading:</b> one thread runs the engine: the one that polls. {@link #takeOver} changes it; the one before does not
 * come back, since the call that it hangs in ends with an exception.
 */
final class EpollEngine implements Engine {
    // linux/eventfd.h
    private static final int EFD_NONBLOCK = 0x800;
    private static final int EFD_CLOEXEC = 0x80000;

    /** Events of one wait; more are found by the next. */
    private static final int EVENTS = 1024;

    /** Enough for a gathered write to cost one system call, little enough to stay in the second-level cache. */
    private static final int STAGING_BYTES = 64 * 1024;

    /** The descriptor that ends a wait is -1 to {@link #find}. */
    private static final long WAKE_UP = -1;

    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);

    // Immutable; what the kernel reads and writes is freed when nobody can refer to it any more.
    final Libc libc;
    final MemorySegment address;
    final MemorySegment addressBytes;
    final LoudSockets loud = new LoudSockets();
    final ByteBuffer staging = ByteBuffer.allocateDirect(STAGING_BYTES);
    final long stagingAddress = MemorySegment.ofBuffer(staging).address();
    private final MemorySegment events;
    private final MemorySegment event;
    private final int epoll;
    private final int wake;

    // The thread that runs the engine.
    ByteBuffer receive;
    long receiveAddress;
    private int reserve;
    private int found;

    /** The first of those found that is not dispatched yet. */
    private int next;

    private int generation;

    /** Keeps the compiler from leaving {@link #lookAhead} out. */
    @SuppressWarnings("UnusedVariable")
    private int seen;

    // Any thread.
    private final Libc anyThread = new Libc();
    private volatile @Nullable Thread runner;

    // Under the lock of this.
    private EpollSocket[] sockets = new EpollSocket[256];
    private boolean closed;

    private EpollEngine(Libc libc, int readBufferBytes, int epoll, int wake, int reserve) {
        Arena arena = Arena.ofAuto();
        this.libc = libc;
        this.address = arena.allocate(SocketAddresses.BYTES, Long.BYTES);
        this.addressBytes = arena.allocate(ValueLayout.JAVA_INT);
        this.events = arena.allocate(EVENTS * Epoll.EVENT_BYTES, Long.BYTES);
        this.event = arena.allocate(Epoll.EVENT_BYTES, Long.BYTES);
        this.receive = ByteBuffer.allocateDirect(readBufferBytes);
        this.receiveAddress = MemorySegment.ofBuffer(receive).address();
        this.epoll = epoll;
        this.wake = wake;
        this.reserve = reserve;
    }

    static EpollEngine open(int readBufferBytes) throws IOException {
        Errno.prepare();
        Libc libc = new Libc();
        int epoll = libc.epollCreate1(Epoll.EPOLL_CLOEXEC);
        int wake = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        int reserve = openReserve(libc);
        int refusal = Math.min(epoll, Math.min(wake, reserve));
        try {
            if (refusal < 0) {
                throw Errno.exception("cannot open epoll", refusal);
            }
            EpollEngine engine = new EpollEngine(libc, readBufferBytes, epoll, wake, reserve);
            engine.watchForWakeUps();
            return engine;
        } catch (Throwable refused) { // no memory, too
            for (int fd : new int[] {epoll, wake, reserve}) {
                if (fd >= 0) {
                    libc.close(fd);
                }
            }
            throw refused;
        }
    }

    /** On an edge: each wake-up is one, and nothing has to be read from it. */
    private void watchForWakeUps() throws IOException {
        Epoll.set(event, Epoll.IN | Epoll.EDGE_TRIGGERED, WAKE_UP);
        int result = libc.epollCtl(epoll, Epoll.ADD, wake, event);
        if (result < 0) {
            throw Errno.exception("cannot watch for wake-ups", result);
        }
    }

    /** The descriptor that is given up when there is no other left. */
    private static int openReserve(Libc libc) {
        return libc.eventfd(0, EFD_CLOEXEC);
    }

    /** After a time without any descriptor to spare. When there is none, as before, whoever accepts next says why. */
    void reopenReserve() {
        if (reserve < 0) {
            reserve = openReserve(libc);
        }
    }

    void releaseReserve() {
        if (reserve >= 0) {
            libc.close(reserve);
            reserve = -1;
        }
    }

    @Override
    public Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) throws IOException {
        return EpollListener.open(this, address, options, handler);
    }

    @Override
    public void adopt(Transport transport, TransportHandler handler) throws TransportException {
        ((EpollTransport) transport).attach(this, handler);
    }

    @Override
    public int poll(long timeoutNanos) throws IOException {
        if (runner != Thread.currentThread()) {
            runner = Thread.currentThread();
        }
        if (next == found) {
            int n = libc.epollWait(epoll, events.address(), EVENTS, loud.isEmpty() ? millis(timeoutNanos) : 0);
            next = 0;
            found = Math.max(0, n);
            if (n < 0 && n != -Errno.EINTR) {
                throw Errno.exception("cannot wait for events", n);
            }
        }
        return loud.isEmpty() ? found - next : found - next + 1;
    }

    /** Rounded up: a timer that is looked at too early would only be waited for again. */
    private static int millis(long nanos) {
        return nanos < 0 ? -1 : (int) Math.min((nanos + 999_999) / 1_000_000, Integer.MAX_VALUE);
    }

    @Override
    public void dispatch() {
        while (next < found) {
            if (LookAhead.isDue(next, found)) {
                lookAhead();
            }
            int i = next++;
            EpollSocket socket = find(Epoll.data(events, i)); // null: closed, or a wake-up
            if (socket != null) {
                report(socket, Epoll.events(events, i));
            }
        }
        loud.read();
    }

    private void lookAhead() {
        int sum = 0;
        for (int i = next; i < Math.min(found, next + LookAhead.SOCKETS); i++) {
            EpollSocket socket = find(Epoll.data(events, i));
            if (socket != null) {
                sum += socket.lookAhead();
            }
        }
        seen = sum;
    }

    private void report(EpollSocket socket, int happened) {
        try {
            socket.onEvents(happened);
        } catch (Throwable fault) {
            reportAgain(socket);
            throw fault;
        }
    }

    /** An event was not dispatched whole. */
    void reportAgain(EpollSocket socket) {
        if (isRunHere()) { // else another thread has taken over
            socket.lookAgain(Epoll.IN | Epoll.OUT);
        }
    }

    @Override
    public boolean takeOver() {
        receive = ByteBuffer.allocateDirect(receive.capacity());
        receiveAddress = MemorySegment.ofBuffer(receive).address();
        runner = Thread.currentThread();
        return true;
    }

    /** Whose event this is; null when it is closed, and its number perhaps another's. */
    @Nullable
    EpollSocket find(long tag) {
        int fd = (int) tag;
        EpollSocket socket = fd >= 0 && fd < sockets.length ? sockets[fd] : null;
        return socket != null && socket.tag == tag ? socket : null;
    }

    @Override
    public void wakeup() {
        synchronized (this) {
            if (!closed) {
                anyThread.write(wake, ONE, ONE.byteSize());
            }
        }
    }

    // ---- For the sockets ----

    /** Whether the caller runs the engine, or nobody does yet. */
    boolean isRunHere() {
        Thread current = runner;
        return current == null || current == Thread.currentThread();
    }

    /** One that lives as long as the engine and that is no socket. */
    int descriptor() {
        return wake;
    }

    /** Begins to report events of the socket. */
    int watch(EpollSocket socket, int wanted) {
        int fd = socket.fd;
        synchronized (this) {
            if (fd >= sockets.length) {
                sockets = Arrays.copyOf(sockets, Math.max(2 * sockets.length, fd + 1));
            }
            sockets[fd] = socket;
            socket.tag = (long) ++generation << 32 | fd;
        }
        int result = control(Epoll.ADD, socket, wanted);
        if (result < 0) {
            forget(socket);
        }
        return result;
    }

    int rewatch(EpollSocket socket, int wanted) {
        return control(Epoll.MODIFY, socket, wanted);
    }

    void unwatch(EpollSocket socket) {
        control(Epoll.DELETE, socket, 0);
        forget(socket);
    }

    /** Closing the descriptor ends the watch. */
    synchronized void forget(EpollSocket socket) {
        sockets[socket.fd] = null;
    }

    private int control(int operation, EpollSocket socket, int wanted) {
        Epoll.set(event, wanted, socket.tag);
        return libc.epollCtl(epoll, operation, socket.fd, event);
    }

    @Override
    public void close() {
        for (int fd = 0; fd < numbers(); fd++) { // without a list of them, for which the heap may be too full
            EpollSocket socket = at(fd);
            if (socket != null) {
                socket.close();
            }
        }
        if (isRunHere()) { // else the thread that hangs closes them when it comes back, and may use them until then
            synchronized (this) {
                if (!closed) {
                    closed = true;
                    releaseReserve();
                    libc.close(wake);
                    libc.close(epoll);
                }
            }
        }
    }

    private synchronized int numbers() {
        return sockets.length;
    }

    private synchronized @Nullable EpollSocket at(int fd) {
        return sockets[fd];
    }
}
