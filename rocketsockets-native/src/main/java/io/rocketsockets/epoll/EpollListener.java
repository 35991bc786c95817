package io.rocketsockets.epoll;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.InheritedSocket;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.ListeningSocket;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.Arrays;

/** A listening socket. What it accepts has inherited its options, see {@link ListeningSocket}. */
final class EpollListener extends EpollSocket implements Listener {
    /** A burst of connections leaves time for the sockets that live. */
    private static final int ACCEPTS_PER_TURN = 64;

    /** Failures of single connections in one turn after which the fault is taken to be the system's. */
    private static final int FAILURES_PER_TURN = 8;

    private static final int ACCEPTED = ListeningSocket.SOCK_NONBLOCK | ListeningSocket.SOCK_CLOEXEC;

    private final boolean isInherited;
    private final SocketAddress localAddress;
    private final AcceptHandler handler;

    /** Where the last connection arrived: most arrive at the same address, and share the object. */
    private SocketAddress lastLocal;

    private byte[] lastLocalBytes = {};

    private EpollListener(EpollEngine engine, int fd, boolean isInherited, AcceptHandler handler) throws IOException {
        super(fd, 0); // level-triggered: who waits may have to wait on
        this.isInherited = isInherited;
        this.localAddress = nameOf(fd, engine);
        this.lastLocal = localAddress;
        this.handler = handler;
    }

    static EpollListener open(EpollEngine engine, SocketAddress address, ListenOptions options, AcceptHandler handler)
            throws IOException {
        if (address instanceof InheritedSocket inherited) {
            ListeningSocket.adopt(engine.libc, inherited.descriptor(), options);
            EpollListener listener = new EpollListener(engine, inherited.descriptor(), true, handler);
            listener.join(engine);
            return listener;
        }
        int fd = ListeningSocket.open(engine.libc, address, options);
        try {
            EpollListener listener = new EpollListener(engine, fd, false, handler);
            listener.join(engine);
            return listener;
        } catch (Throwable failure) {
            engine.libc.close(fd);
            throw failure;
        }
    }

    @Override
    boolean isOurs() {
        return !isInherited;
    }

    /** Asks the kernel where the socket is bound. */
    private static SocketAddress nameOf(int fd, EpollEngine engine) throws IOException {
        engine.addressBytes.set(JAVA_INT, 0, SocketAddresses.BYTES);
        int result = engine.libc.getsockname(fd, engine.address, engine.addressBytes);
        if (result < 0) {
            throw Errno.exception("cannot ask for the local address", result);
        }
        return SocketAddresses.read(bytes(engine));
    }

    /** What the kernel has just told. */
    private static byte[] bytes(EpollEngine engine) {
        return SocketAddresses.bytes(engine.address, engine.addressBytes.get(JAVA_INT, 0));
    }

    @Override
    public SocketAddress localAddress() {
        return localAddress;
    }

    @Override
    public void pause() {
        wantNoMore(Epoll.IN);
    }

    @Override
    public void resume() {
        if (!isClosed()) {
            engine().reopenReserve();
            want(Epoll.IN);
        }
    }

    @Override
    void onEvents(int events) {
        if (due(events) == 0) {
            onNothingDue();
            return;
        }
        EpollEngine engine = engine();
        int failures = 0;
        for (int i = 0; i < ACCEPTS_PER_TURN && wants(Epoll.IN) && !isClosed(); i++) {
            int accepted = accept(engine);
            if (accepted == -Errno.EAGAIN) {
                return;
            }
            if (accepted >= 0) {
                handler.onAccepted(transport(accepted, engine));
            } else if (!isClosed() && (Errno.isExhausted(accepted) || ++failures == FAILURES_PER_TURN)) {
                handler.onAcceptFailed(Errno.exception("cannot accept", accepted));
                return;
            }
        }
    }

    private int accept(EpollEngine engine) {
        engine.addressBytes.set(JAVA_INT, 0, SocketAddresses.BYTES);
        return engine.libc.accept4(fd, engine.address, engine.addressBytes, ACCEPTED);
    }

    private EpollTransport transport(int accepted, EpollEngine engine) {
        try {
            return new EpollTransport(accepted, bytes(engine), localOf(accepted, engine));
        } catch (Throwable fault) { // no memory
            engine.libc.close(accepted);
            throw fault;
        }
    }

    /** Where the connection arrived, which only a wildcard leaves open. */
    private SocketAddress localOf(int accepted, EpollEngine engine) {
        if (SocketAddresses.isWildcard(localAddress)) {
            engine.addressBytes.set(JAVA_INT, 0, SocketAddresses.BYTES);
            engine.libc.getsockname(accepted, engine.address, engine.addressBytes);
            byte[] bytes = bytes(engine);
            if (!Arrays.equals(bytes, lastLocalBytes)) {
                lastLocalBytes = bytes;
                lastLocal = SocketAddresses.read(bytes);
            }
        }
        return lastLocal;
    }

    @Override
    public int refuseWaiting() {
        EpollEngine engine = engine();
        engine.releaseReserve();
        int refused = 0;
        for (int waiting = accept(engine); waiting >= 0; waiting = accept(engine)) {
            transport(waiting, engine).reset();
            if (++refused == ACCEPTS_PER_TURN) {
                break;
            }
        }
        engine.reopenReserve();
        return refused;
    }

    @Override
    String description() {
        return "listener: address=" + localAddress;
    }
}
