package io.rocketsockets.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.InheritedSocket;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.IoUring;
import io.rocketsockets.linux.Libc;
import io.rocketsockets.linux.ListeningSocket;
import io.rocketsockets.linux.PeerIds;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A listening socket with several accepts under way, each with memory for its peer's address. A single multishot accept would
 * cost fewer submissions, but cannot tell addresses, and of a direct descriptor they cannot be asked for (Linux 6.18).
 */
final class UringListener implements Listener {
    /** As many as are accepted in one turn, which leaves time for the sockets that live. */
    private static final int ACCEPTS = 16;

    /** Waits for a connection while there is no descriptor to accept it with. */
    private static final int LOOKOUT = ACCEPTS;

    private static final int NONE = -1;

    /** Failures of single connections in a row after which the fault is taken to be the system's. */
    private static final int MOST_FAILURES = 8;

    private static final int REFUSALS_PER_TURN = 64;

    /** An address and a {@code socklen_t}. */
    private static final int ADDRESS_BYTES = SocketAddresses.BYTES + 4;

    private static final int SOL_SOCKET = 1;
    private static final int SO_LINGER = 13;
    private static final int F_SETFL = 4;
    private static final int POLLIN = 1;

    private final UringEngine engine;
    private final int number;
    private final int descriptor;
    private final boolean isInherited;
    private final SocketAddress localAddress;
    private final AcceptHandler handler;

    /** What the kernel writes peers' addresses to; freed by the collector, after the engine. */
    private final MemorySegment addresses = Arena.ofAuto().allocate((long) ADDRESS_BYTES * ACCEPTS, 8);

    /** Where the last connection arrived: most arrive at the same address, and share the object. */
    private SocketAddress lastLocal;

    private byte[] lastLocalBytes;

    // Of each accept that has come, until it is dispatched.
    private final boolean[] isAsked = new boolean[ACCEPTS];
    private final int[] ordinary = new int[ACCEPTS];
    private final @Nullable SocketAddress[] local = new SocketAddress[ACCEPTS];
    private final @Nullable PeerIds[] peer = new PeerIds[ACCEPTS];

    private final boolean[] isUnderWay = new boolean[ACCEPTS + 1];
    private int underWay;
    private int failures;
    private boolean isPaused = true;
    private boolean isStarving;
    private boolean isClosed;

    private UringListener(UringEngine engine, int number, int descriptor, boolean isInherited, AcceptHandler handler)
            throws IOException {
        this.engine = engine;
        this.number = number;
        this.descriptor = descriptor;
        this.isInherited = isInherited;
        this.handler = handler;
        this.lastLocalBytes = addressOf(descriptor);
        this.localAddress = SocketAddresses.read(lastLocalBytes);
        this.lastLocal = localAddress;
        Arrays.fill(ordinary, NONE);
    }

    static UringListener open(
            UringEngine engine, int number, SocketAddress address, ListenOptions options, AcceptHandler handler)
            throws IOException {
        if (address instanceof InheritedSocket inherited) {
            ListeningSocket.adopt(engine.libc, inherited.descriptor(), options);
            return prepared(new UringListener(engine, number, inherited.descriptor(), true, handler));
        }
        int descriptor = ListeningSocket.open(engine.libc, address, options);
        try {
            return prepared(new UringListener(engine, number, descriptor, false, handler));
        } catch (Throwable failure) {
            engine.libc.close(descriptor);
            throw failure;
        }
    }

    /** The ring waits itself, and what is accepted inherits that closing resets: see {@link UringTransport}. */
    private static UringListener prepared(UringListener listener) throws IOException {
        Libc libc = listener.engine.libc;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment linger = arena.allocate(8, 4);
            linger.set(JAVA_INT, 0, 1);
            int result = libc.setsockopt(listener.descriptor, SOL_SOCKET, SO_LINGER, linger, 8);
            result = result < 0 ? result : libc.fcntl(listener.descriptor, F_SETFL, 0);
            if (result < 0) {
                throw Errno.exception("cannot prepare a listening socket", result);
            }
            return listener;
        }
    }

    private byte[] addressOf(int socket) throws IOException {
        MemorySegment address = engine.address;
        MemorySegment length = engine.addressBytes;
        length.set(JAVA_INT, 0, SocketAddresses.BYTES);
        int result = engine.libc.getsockname(socket, address, length);
        if (result < 0) {
            throw Errno.exception("cannot ask for the local address", result);
        }
        return SocketAddresses.bytes(address, length.get(JAVA_INT, 0));
    }

    @Override
    public SocketAddress localAddress() {
        return localAddress;
    }

    @Override
    public void pause() {
        if (!isPaused) {
            isPaused = true;
            cancelAll();
        }
    }

    private void cancelAll() {
        if (underWay > 0) {
            engine.submitAndForget(
                    Ring.head(IoUring.OP_ASYNC_CANCEL, IoUring.SQE_CQE_SKIP_SUCCESS, 0, descriptor),
                    0,
                    0,
                    Ring.pair(0, IoUring.CANCEL_FD | IoUring.CANCEL_ALL),
                    0,
                    0);
        }
    }

    @Override
    public void resume() {
        if (!isClosed) {
            isPaused = false;
            acceptMore();
        }
    }

    /** A place in the table is free again. */
    void descriptorIsFree() {
        if (isStarving && !isPaused) {
            acceptMore();
        }
    }

    private void acceptMore() {
        isStarving = false;
        for (int request = 0; request < ACCEPTS && !isStarving; request++) {
            if (!isUnderWay[request]) {
                accept(request);
            }
        }
    }

    /** Never more of them than descriptors, since the kernel would drop a connection for which it has none. */
    private void accept(int request) {
        if (engine.descriptorsLeft() > 0) {
            engine.promiseDescriptor();
            long address = addresses.address() + (long) request * ADDRESS_BYTES;
            addresses.set(JAVA_INT, (long) request * ADDRESS_BYTES + SocketAddresses.BYTES, SocketAddresses.BYTES);
            begin(request);
            engine.submit(
                    Ring.head(IoUring.OP_ACCEPT, 0, 0, descriptor),
                    address + SocketAddresses.BYTES,
                    address,
                    0,
                    Tag.of(Tag.ACCEPT, request, number),
                    Ring.pair(0, IoUring.FILE_INDEX_ALLOC));
            return;
        }
        isStarving = true;
        if (underWay == 0) {
            begin(LOOKOUT);
            engine.submit(
                    Ring.head(IoUring.OP_POLL_ADD, 0, 0, descriptor),
                    0,
                    0,
                    Ring.pair(0, POLLIN),
                    Tag.of(Tag.ACCEPT, LOOKOUT, number),
                    0);
        }
    }

    private void begin(int request) {
        isUnderWay[request] = true;
        underWay++;
    }

    /** @param result a direct descriptor, or {@code -errno} */
    void onAccept(int request, int result) {
        isUnderWay[request] = false;
        underWay--;
        if (request == LOOKOUT) {
            if (result >= 0 && engine.descriptorsLeft() <= 0) {
                fail(-Errno.ENFILE);
            } else if (!isPaused && !isClosed) {
                acceptMore();
            }
            return;
        }
        if (result >= 0) {
            failures = 0;
            try {
                accepted(request, result);
            } catch (Throwable fault) {
                acceptUnlessPaused(request); // nobody else would
                throw fault;
            }
        } else {
            engine.takeBackPromise();
            if (result != -Errno.ECANCELED && (Errno.isExhausted(result) || ++failures == MOST_FAILURES)) {
                fail(result);
            }
        }
        acceptUnlessPaused(request);
    }

    private void acceptUnlessPaused(int request) {
        if (!isPaused && !isClosed && !isUnderWay[request]) {
            accept(request);
        }
    }

    private void fail(int result) {
        failures = 0;
        if (!isPaused && !isClosed) {
            String limit = result == -Errno.ENFILE
                    ? "; raise the limit on open files, or -D" + UringSizes.DESCRIPTORS_PROPERTY + "="
                            + engine.sizes.descriptors()
                    : "";
            handler.onAcceptFailed(Errno.exception("cannot accept" + limit, result));
        }
    }

    // ---- What only an ordinary descriptor tells ----

    /**
     * Where the connection arrived, which a wildcard leaves open, and who has connected a Unix socket. Before it is
     * dispatched; {@link #installed} and {@link #hear} follow.
     */
    void ask(int request, int direct) {
        if (request != LOOKOUT && !isAsked[request] && !isClosed && (isWildcard() || isUnix())) {
            isAsked[request] = true;
            engine.install(direct, Tag.of(Tag.INSTALLED, request, number));
        }
    }

    private boolean isWildcard() {
        return SocketAddresses.isWildcard(localAddress);
    }

    private boolean isUnix() {
        return localAddress instanceof UnixDomainSocketAddress;
    }

    /** @param result an ordinary descriptor, or {@code -errno}: the process may have none left, and it stays unknown */
    void installed(int request, int result) {
        if (isAsked[request]) {
            ordinary[request] = Math.max(NONE, result);
        } else if (result >= 0) { // too late: the ring had trouble, and the connection was given away without it
            engine.libc.close(result);
        }
    }

    void hear() {
        for (int request = 0; request < ACCEPTS; request++) {
            if (ordinary[request] != NONE) {
                try {
                    local[request] = isWildcard() ? localOf(ordinary[request]) : null;
                    peer[request] = isUnix() ? PeerIds.of(engine.libc, ordinary[request]) : null;
                } finally {
                    closeOrdinary(request);
                }
            }
        }
    }

    private void closeOrdinary(int request) {
        if (ordinary[request] != NONE) {
            engine.libc.close(ordinary[request]);
            ordinary[request] = NONE;
        }
    }

    private SocketAddress localOf(int descriptor) {
        try {
            byte[] bytes = addressOf(descriptor);
            if (!Arrays.equals(bytes, lastLocalBytes)) {
                lastLocal = SocketAddresses.read(bytes);
                lastLocalBytes = bytes;
            }
            return lastLocal;
        } catch (IOException unknown) {
            return localAddress;
        }
    }

    private void accepted(int request, int direct) {
        UringTransport transport;
        try {
            MemorySegment told = addresses.asSlice((long) request * ADDRESS_BYTES, ADDRESS_BYTES);
            byte[] remote = SocketAddresses.bytes(told, told.get(JAVA_INT, SocketAddresses.BYTES));
            SocketAddress arrivedAt = local[request] == null ? localAddress : local[request];
            transport = new UringTransport(engine, direct, remote, arrivedAt, peer[request]);
        } catch (Throwable fault) { // the heap is full, most likely
            engine.closeDirect(direct);
            throw fault;
        } finally {
            closeOrdinary(request); // of one that a full heap has kept from being asked
            isAsked[request] = false;
            local[request] = null;
            peer[request] = null;
        }
        if (isClosed) {
            transport.close();
        } else {
            handler.onAccepted(transport);
        }
    }

    @Override
    public int refuseWaiting() {
        int refused = 0;
        try {
            for (int fd = acceptNow(); fd >= 0; fd = acceptNow()) {
                engine.libc.close(fd);
                if (++refused == REFUSALS_PER_TURN) {
                    break;
                }
            }
        } catch (IOException broken) {
            return refused; // the ring is, and the loop's next turn says so
        }
        return refused;
    }

    /** With an ordinary descriptor, since it is the others that are used up. */
    private int acceptNow() throws IOException {
        return engine.now(Ring.head(IoUring.OP_ACCEPT, 0, IoUring.ACCEPT_DONTWAIT, descriptor), 0, 0, 0, 0, 0);
    }

    @Override
    public void close() {
        if (isClosed) {
            return;
        }
        stopAccepting();
        try {
            engine.submitNow();
            engine.takeAccepted(number);
            while (underWay > 0) {
                engine.awaitCompletion();
                engine.takeAccepted(number);
            }
        } catch (IOException broken) {
            throw new java.io.UncheckedIOException("cannot close listener: address=" + localAddress, broken);
        } finally {
            closeDescriptor();
        }
    }

    /** The accepts that are under way end with an error. */
    void stopAccepting() {
        if (!isClosed) {
            isClosed = true;
            cancelAll();
        }
    }

    private boolean isDescriptorClosed;

    /** From any thread; the engine sees to it that it is one at a time. */
    void closeDescriptor() {
        if (!isDescriptorClosed && !isInherited) {
            isDescriptorClosed = true;
            new Libc().close(descriptor);
        }
    }
}
