package io.rocketsockets.epoll;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.Libc;
import io.rocketsockets.linux.PeerIds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A socket in the hands of an engine: what epoll watches it for, and its end.
 *
 * <p><b>Threading:</b> the thread that runs the engine, except for {@link #close()} and {@link #reset()}.
 * <p><b>Ownership:</b> the system gives the number of a closed descriptor to whoever opens the next, so a number is closed
 * only by the thread that may be using it. When another thread ends the socket, while that one hangs in a handler, the
 * engine's own descriptor takes its place under the same number (dup2): the connection ends at once, the number later.
 */
abstract class EpollSocket {
    // asm-generic/socket.h
    private static final int SOL_SOCKET = 1;
    private static final int SO_LINGER = 13;

    /** {@code struct linger}: on, for 0 seconds, so that closing sends RST. */
    private static final MemorySegment AT_ONCE = Arena.global().allocateFrom(JAVA_INT, 1, 0);

    /** Of calls whose errno nobody looks at, and which any thread may therefore make. */
    private static final Libc ANY_THREAD = new Libc();

    final int fd;

    /** What every watch for an event is set with. */
    private final int trigger;

    // The thread that runs the engine.
    /** What its engine knows it by: its number, and its generation among those of that number. */
    long tag;

    /** Events that are to be reported. */
    private int wanted;

    /** Events that epoll watches for; those that are no longer wanted stay until one of them comes. */
    private int armed;

    /** Events that were reported and not used up: only {@link #arm} makes the kernel look at them again. */
    private int leftOver;

    // Any thread; written under the lock of this.
    private volatile @Nullable EpollEngine engine;
    private volatile boolean closed;
    private boolean numberIsFree;

    EpollSocket(int fd, int trigger) {
        this.fd = fd;
        this.trigger = trigger;
    }

    /** Whether the descriptor is closed with the socket. */
    boolean isOurs() {
        return true;
    }

    /** The one that it has joined. */
    final EpollEngine engine() {
        return Objects.requireNonNull(engine);
    }

    /** See {@link io.rocketsockets.engine.TransportHandler#lookAhead}. */
    int lookAhead() {
        return 0;
    }

    /** Epoll reports these events, wanted or not. */
    abstract void onEvents(int events);

    /** What fails when the kernel refuses something. */
    abstract String description();

    /** From now on the engine watches it; nothing is reported until it is wanted. */
    final synchronized void join(EpollEngine joined) throws IOException {
        if (closed) {
            throw new IOException("the socket is closed: " + description());
        }
        // Armed for what most want next, and wait for: so a connection costs one call.
        int result = joined.watch(this, Epoll.IN | trigger);
        if (result < 0) {
            throw Errno.exception("cannot watch " + description(), result);
        }
        engine = joined;
        wanted = 0;
        armed = Epoll.IN;
        leftOver = 0;
    }

    /** Belongs to no engine until it joins another. */
    final synchronized void leave() {
        EpollEngine left = engine;
        if (left != null && !closed) {
            left.unwatch(this);
            engine = null;
        }
    }

    /** Who has connected it, if it is a Unix socket that is open; any thread. */
    final synchronized @Nullable PeerIds peer() {
        return closed ? null : PeerIds.of(ANY_THREAD, fd);
    }

    final boolean isClosed() {
        return closed;
    }

    final boolean wants(int event) {
        return (wanted & event) != 0;
    }

    final void want(int event) {
        wanted |= event;
        if ((armed & ~leftOver & event) == 0) {
            arm();
        }
    }

    /** Costs no call unless the event comes nevertheless. */
    final void wantNoMore(int event) {
        wanted &= ~event;
    }

    private void arm() {
        EpollEngine current = engine;
        if (current != null && !closed) {
            // With nothing wanted an error is reported all the same: once, not for as long as it lasts.
            int result = current.rewatch(this, wanted == 0 ? Epoll.EDGE_TRIGGERED : wanted | trigger);
            if (result < 0 && !closed) {
                throw new IllegalStateException(
                        "cannot watch " + description(), Errno.exception("epoll_ctl wanted=" + wanted, result));
            }
            armed = wanted;
            leftOver = 0;
        }
    }

    /** Those of the events that are wanted; an error is for whoever wants anything. */
    final int due(int events) {
        return (events & (Epoll.ERR | Epoll.HUP)) == 0 ? events & wanted : wanted;
    }

    /** It was woken for nothing: that does not happen twice. */
    final void onNothingDue() {
        if (armed != wanted) {
            arm();
        }
    }

    /** The event was not used up: if it is wanted, now or later, the kernel looks whether it still holds. */
    final void lookAgain(int event) {
        leftOver |= event;
        if ((wanted & event) != 0) {
            arm();
        }
    }

    /** Closes: FIN, or RST when received bytes were not read. Idempotent; any thread. */
    public final void close() {
        end(false);
    }

    /** Closes with RST. Idempotent; any thread. */
    public final void reset() {
        end(true);
    }

    private synchronized void end(boolean atOnce) {
        boolean isFirst = !closed;
        closed = true;
        if (isFirst && atOnce && isOurs()) {
            ANY_THREAD.setsockopt(fd, SOL_SOCKET, SO_LINGER, AT_ONCE, (int) AT_ONCE.byteSize());
        }
        EpollEngine current = engine;
        if (current != null && !current.isRunHere()) {
            if (isFirst && isOurs()) {
                ANY_THREAD.dup2(current.descriptor(), fd);
            }
        } else if (!numberIsFree) {
            numberIsFree = true;
            if (current != null) {
                if (isOurs()) {
                    current.forget(this);
                } else {
                    current.unwatch(this);
                }
            }
            if (isOurs()) {
                ANY_THREAD.close(fd);
            }
        }
    }
}
