package io.rocketsockets.epoll;

import io.rocketsockets.engine.LoudSockets;
import io.rocketsockets.engine.LoudSockets.LoudSocket;
import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import io.rocketsockets.engine.TransportHandler;
import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.PeerIds;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A connected socket: reads when it is ready, writes at once, and waits for room when the kernel has none.
 *
 * <p><b>Edge-triggered</b>: an event is reported once, so each is used up or {@linkplain #lookAgain asked for again}. Input is
 * used up by a read that gets less than it asked for (epoll(7), "Questions and answers"), with three exceptions, in which it is
 * read until there is nothing: the end of the peer's side, which comes only after the last byte and with the same event; urgent
 * data, at which a read stops; and Unix sockets, where one stops behind a descriptor that was passed. Room is used up by a write
 * that is not taken whole.
 */
final class EpollTransport extends EpollSocket implements Transport, LoudSocket {
    /** With these a read may stop before the kernel has no more. */
    private static final int STOPPING = Epoll.READ_HUP | Epoll.HUP | Epoll.ERR | Epoll.PRIORITY;

    // bits/socket.h, sys/socket.h
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SHUT_WR = 1;

    /** As the kernel tells it, which takes a third of what an object would. */
    private final byte[] remoteAddress;

    private final SocketAddress localAddress;

    /** As the local address tells; it is asked here, where a look into another object would be one more cache miss a message. */
    private final boolean isUnix;

    /** It last sent as much as makes a socket loud. */
    private boolean isLoud;

    /** It is among the engine's loud sockets, and is read when it is its turn. */
    private boolean awaitsTurn;

    /** A read that gets less than it asked for does not use up what was reported. */
    private boolean untilNothing;

    /** Writes in a row that the kernel had no memory for. */
    private byte shortages;

    // The thread that runs the engine; set by attach.
    @SuppressWarnings("NullAway.Init")
    private TransportHandler handler;

    EpollTransport(int fd, byte[] remoteAddress, SocketAddress localAddress) {
        super(fd, Epoll.EDGE_TRIGGERED | Epoll.READ_HUP | Epoll.PRIORITY);
        this.remoteAddress = remoteAddress;
        this.localAddress = localAddress;
        this.isUnix = localAddress instanceof UnixDomainSocketAddress;
    }

    void attach(EpollEngine adopting, TransportHandler reportsTo) throws TransportException {
        handler = reportsTo;
        try {
            join(adopting);
        } catch (IOException refused) {
            throw new TransportException(isClosed() ? Kind.RESET : Kind.OTHER, refused);
        }
    }

    @Override
    public void detach() {
        if (awaitsTurn) {
            awaitsTurn = false;
            engine().loud.remove(this);
        }
        leave();
    }

    @Override
    public SocketAddress remoteAddress() {
        return SocketAddresses.read(remoteAddress);
    }

    @Override
    public SocketAddress localAddress() {
        return localAddress;
    }

    @Override
    public <T> @Nullable T detail(Class<T> type) {
        PeerIds peer = type == PeerCredentials.class && isUnix ? peer() : null;
        return peer == null ? null : type.cast(peer.named());
    }

    @Override
    public void startReading() {
        want(Epoll.IN);
    }

    @Override
    public void stopReading() {
        wantNoMore(Epoll.IN);
    }

    @Override
    int lookAhead() {
        return handler.lookAhead();
    }

    @Override
    void onEvents(int events) {
        int due = due(events);
        if ((due & Epoll.IN) != 0) {
            untilNothing |= (events & STOPPING) != 0 || isUnix;
            if (isLoud) {
                awaitTurn();
            } else {
                read(LoudSockets.QUIET_BYTES);
            }
        } else if ((events & ~Epoll.OUT) != 0) {
            lookAgain(Epoll.IN);
        }
        if ((due & Epoll.OUT) != 0 && !isClosed()) {
            handler.onWritten(0);
        }
        if (due == 0) {
            onNothingDue();
        }
    }

    private void awaitTurn() {
        if (!awaitsTurn) {
            engine().loud.add(this);
            awaitsTurn = true;
        }
    }

    @Override
    public int readOn(int bytes) {
        awaitsTurn = false;
        EpollEngine engine = engine();
        try {
            return read(bytes);
        } catch (Throwable fault) {
            engine.reportAgain(this);
            throw fault;
        }
    }

    /**
     * Reads again only when it got all that it asked for, since less means that the kernel had no more, or until there is
     * nothing.
     */
    private int read(int most) {
        EpollEngine engine = engine();
        ByteBuffer buffer = engine.receive;
        int total = 0;
        while (wants(Epoll.IN) && !isClosed()) {
            if (total >= most) {
                awaitTurn();
                return total;
            }
            int asked = Math.min(buffer.capacity(), most - total);
            int n = (int) engine.libc.recv(fd, engine.receiveAddress, asked, 0);
            if (n > 0) {
                total += n;
                isLoud = total >= LoudSockets.QUIET_BYTES;
                handler.onRead(buffer.limit(n).position(0));
                if (n < asked && !untilNothing) {
                    return total;
                }
            } else if (n == 0) {
                stopReading();
                lookAgain(Epoll.IN); // who reads on nevertheless is told again
                handler.onEnd();
                return total;
            } else if (n == -Errno.EAGAIN) {
                untilNothing = false;
                return total;
            } else if (n != -Errno.EINTR) {
                handler.onFailed(failure("cannot read", n));
                return total;
            }
        }
        lookAgain(Epoll.IN);
        return total;
    }

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        EpollEngine engine = engine();
        long total = 0;
        for (int first = 0; first < count; ) {
            if (!buffers[first].hasRemaining()) {
                first++;
                continue;
            }
            boolean alone = isBestAlone(buffers[first], engine);
            int offered = alone ? buffers[first].remaining() : gather(buffers, first, count, engine.staging);
            long address = alone ? MemorySegment.ofBuffer(buffers[first]).address() : engine.stagingAddress;
            long taken = engine.libc.send(fd, address, offered, MSG_NOSIGNAL);
            if (taken == -Errno.EINTR) {
                continue;
            }
            if (Errno.isShortage(taken) && ++shortages < Errno.MOST_SHORTAGES) {
                lookAgain(Epoll.OUT); // in the next turn: there is room, so no edge will come
                want(Epoll.OUT);
                return total;
            }
            if (taken == -Errno.EAGAIN) {
                taken = 0;
            } else if (taken < 0) {
                throw failure("cannot write", taken);
            }
            shortages = 0;
            advance(buffers, first, taken);
            total += taken;
            if (taken < offered) {
                want(Epoll.OUT);
                return total;
            }
        }
        wantNoMore(Epoll.OUT);
        return total;
    }

    /** Large and outside of the heap: the kernel can have it without a copy. */
    private static boolean isBestAlone(ByteBuffer buffer, EpollEngine engine) {
        return buffer.remaining() >= engine.staging.capacity() / 2 && buffer.isDirect();
    }

    /**
     * Copies as much as fits into one buffer: for small ones one call with a copy is cheaper than a vectored write.
     *
     * @return how many bytes
     */
    private static int gather(ByteBuffer[] buffers, int first, int count, ByteBuffer staging) {
        int end = 0;
        for (int i = first; i < count && end < staging.capacity(); i++) {
            ByteBuffer buffer = buffers[i];
            int n = Math.min(buffer.remaining(), staging.capacity() - end);
            staging.put(end, buffer, buffer.position(), n);
            end += n;
        }
        return end;
    }

    private static void advance(ByteBuffer[] buffers, int first, long taken) {
        long left = taken;
        for (int i = first; left > 0; i++) {
            int n = (int) Math.min(buffers[i].remaining(), left);
            buffers[i].position(buffers[i].position() + n);
            left -= n;
        }
    }

    @Override
    public void shutdownOutput() throws TransportException {
        int result = engine().libc.shutdown(fd, SHUT_WR);
        if (result < 0) {
            throw failure("cannot end the output", result);
        }
    }

    /** One that was closed over the loop's head is as good as reset by the peer. */
    private TransportException failure(String failed, long result) {
        return isClosed()
                ? new TransportException(Kind.RESET, Errno.exception(failed + ", closed by another thread", result))
                : Errno.transportException(failed, result);
    }

    @Override
    String description() {
        return "socket: remote=" + remoteAddress();
    }
}
