package io.rocketsockets.uring;

import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import io.rocketsockets.engine.TransportHandler;
import io.rocketsockets.linux.Errno;
import io.rocketsockets.linux.IoUring;
import io.rocketsockets.linux.Libc;
import io.rocketsockets.linux.PeerIds;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A connected socket. One receive is under way as long as it reads, and reports every read; small writes are copied and leave
 * with the loop's next system call, large ones are tried at once from where they are.
 *
 * <p><b>Ending:</b> sockets are accepted set to be reset when they close, which also holds when a handler hangs and its engine
 * is closed over its head; an orderly close sets that back first.
 * <p><b>Moving:</b> between two loops the socket has an ordinary descriptor, and no place in any ring.
 */
final class UringTransport implements Transport {
    /** Up to this a copy is cheaper than a system call; above, the call is little beside the bytes. */
    private static final int BATCHED_BYTES = 16 * 1024;

    /** Copied for one call when the buffers are not of a kind that the kernel can read. */
    private static final int GATHERED_BYTES = 64 * 1024;

    // bits/socket.h, sys/socket.h, poll.h
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_WAITALL = 0x100;
    private static final int SHUT_WR = 1;
    private static final int POLLOUT = 4;

    /** {@code struct linger}, off. */
    private static final MemorySegment DO_NOT_LINGER = Arena.global().allocate(8, 8);

    private static final int SOL_SOCKET = 1;
    private static final int SO_LINGER = 13;

    /** Made ahead, for when there is no memory for another. */
    private static final TransportException BROKEN_OFF = new TransportException(
            Kind.OTHER,
            new IOException("what has come, or is to be sent, could not be kept; the heap is full, most likely"));

    /** What {@link #sendResult} is unless the kernel says otherwise. */
    private static final int TAKEN_WHOLE = Integer.MAX_VALUE;

    private static final int IN_TRANSIT = -1;

    private final byte[] remoteAddress;
    private final SocketAddress localAddress;
    private final @Nullable PeerIds peer;

    // Loop thread only, or in transit.
    private UringEngine engine;

    @SuppressWarnings("NullAway.Init")
    private TransportHandler handler;

    /** Of the engine's table, or of the process. */
    private int descriptor;

    private boolean isDirect = true;

    /** Where the engine finds it, or {@link #IN_TRANSIT}, which this transport guards: there any thread may close it. */
    private int place;

    private boolean reading;
    private boolean receiving;

    private boolean cancelling;

    /** It last received much, or as much as it might. */
    private boolean isLoud;

    /** It is among the engine's loud sockets, and receives when it is its turn. */
    private boolean awaitsTurn;

    private boolean ended;
    private boolean awaitsRoom;
    private boolean isToReport;

    /** What the receive under way takes in one go. */
    private int limit;

    /** The receive under way is for one read. */
    private boolean isOnce;

    private int sendOffset;

    /** Of the send under way, 0 when there is none. */
    private int sendCount;

    private int sendResult;

    /** Sends in a row that the kernel had no memory for. */
    private byte shortages;

    /** What was copied and is not {@linkplain #report reported}; of that, what the kernel has taken. */
    private long pending;

    private long taken;

    /** Copied, and the kernel had no room for it. */
    private @Nullable ByteBuffer rest;

    /** What came when nobody read. */
    private @Nullable ByteBuffer early;

    private @Nullable TransportException failure;

    private volatile boolean closed;

    /** @param descriptor a direct one of this engine, which the transport owns from now on */
    UringTransport(
            UringEngine engine,
            int descriptor,
            byte[] remoteAddress,
            SocketAddress localAddress,
            @Nullable PeerIds peer) {
        this.engine = engine;
        this.descriptor = descriptor;
        this.remoteAddress = remoteAddress;
        this.localAddress = localAddress;
        this.peer = peer;
        this.place = engine.remember(this);
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
        return peer != null && type == PeerCredentials.class ? type.cast(peer.named()) : null;
    }

    // ---- The way in ----

    @Override
    public void startReading() {
        if (closed || reading) {
            return;
        }
        reading = true;
        if (early != null || failure != null || ended) {
            willReport();
        } else {
            receiveMore();
        }
    }

    @Override
    public void stopReading() {
        if (reading) {
            reading = false;
            if (receiving && !cancelling) {
                engine.isStopping(this);
            }
        }
    }

    /** One read: the rest stays in the kernel until it is this one's turn again. */
    void receiveOnce(int most) {
        awaitsTurn = false;
        if (isReceiveDue()) {
            receive(true, most);
        }
    }

    /** @param once or else every read until it is cancelled */
    private void receive(boolean once, int most) {
        receiving = true;
        isOnce = once;
        limit = most;
        engine.submit(
                head(IoUring.OP_RECV, IoUring.SQE_BUFFER_SELECT, once ? 0 : IoUring.RECV_MULTISHOT),
                0,
                0,
                most,
                tag(Tag.RECEIVE),
                ReceiveBuffers.GROUP);
    }

    /** The loop is about to wait: a receive that nobody wants must not fill memory. */
    void cancelUnlessStarted() {
        if (!closed && !reading && receiving && !cancelling) {
            cancelReceive();
        }
    }

    private void cancelReceive() {
        cancelling = true;
        cancel(Tag.RECEIVE);
    }

    private void cancel(int what) {
        engine.submitAndForget(
                Ring.head(IoUring.OP_ASYNC_CANCEL, IoUring.SQE_CQE_SKIP_SUCCESS, 0, -1), 0, tag(what), 0, 0, 0);
    }

    /** See {@link TransportHandler#lookAhead}. */
    int lookAhead() {
        return handler.lookAhead() + (int) pending;
    }

    /** @param mayDeliver false when the socket is leaving */
    void received(int offset, int count, boolean isLast, boolean mayDeliver) {
        // A small one that fills a buffer says nothing: there was no room for more.
        isLoud = count >= engine.loudBytes || count == limit || isLoud && engine.receive.isFull(offset + count);
        if (isLast) {
            receiving = false;
            cancelling = false;
        }
        if (closed) {
            forgetIfIdle();
        } else if (reading && mayDeliver && early == null) {
            handler.onRead(engine.receive.view.limit(offset + count).position(offset));
            receiveMore();
        } else {
            keepEarly(offset, count);
            if (reading && mayDeliver) {
                willReport();
            }
        }
    }

    /** Begins another receive if there is none and somebody reads; a loud one when it is its turn. */
    void receiveMore() {
        if (!isReceiveDue()) {
            return;
        }
        if (isLoud) {
            awaitTurn();
        } else {
            receive(false, engine.receiveLimit());
        }
    }

    private boolean isReceiveDue() {
        return reading && !receiving && !closed && !ended;
    }

    private void awaitTurn() {
        if (!awaitsTurn) {
            engine.awaitTurn(this);
            awaitsTurn = true;
        }
    }

    /** Grows to twice what it holds, so that many small pieces cost no more than a few copies each. */
    private void keepEarly(int offset, int count) {
        ByteBuffer kept = early;
        if (kept == null || kept.capacity() - kept.limit() < count) {
            int held = kept == null ? 0 : kept.remaining();
            ByteBuffer larger = ByteBuffer.allocate(Math.max(held + count, 2 * held));
            if (kept != null) {
                larger.put(kept);
            }
            kept = larger.flip();
            early = kept;
        }
        int end = kept.limit();
        kept.limit(end + count);
        kept.put(end, engine.receive.view.clear(), offset, count);
        engine.countEarly(count);
    }

    private int heldEarly() {
        return early == null ? 0 : early.remaining();
    }

    private void dropEarly() {
        engine.countEarly(-heldEarly());
        early = null;
    }

    void receiveEnded(int result, boolean mayDeliver) {
        receiving = false;
        cancelling = false;
        if (closed) {
            forgetIfIdle();
            return;
        }
        switch (-result) {
            case 0 -> ended = true;
            case Errno.ENOBUFS -> {
                if (isLoud) {
                    awaitTurn();
                } else {
                    engine.isStarved(this);
                }
                return;
            }
            case Errno.EINVAL -> {
                if (limit > 0 && !isOnce) { // by the way of Linux 6.17, on an older one
                    engine.liftReceiveLimit();
                    receiveMore();
                    return;
                }
                failure = Errno.transportException("cannot receive", result);
            }
            case Errno.ECANCELED, Errno.EINTR, Errno.EAGAIN -> {
                if (mayDeliver && early == null) {
                    receiveMore();
                }
                return;
            }
            default -> failure = Errno.transportException("cannot receive", result);
        }
        if (reading && mayDeliver) {
            deliver();
        }
    }

    /** Reads that came when nobody read, then the end. */
    private void deliver() {
        ByteBuffer kept = early;
        while (kept != null && reading && !closed) {
            int count = Math.min(kept.remaining(), engine.sizes.receiveBytes());
            ByteBuffer piece = kept.slice(kept.position(), count);
            kept.position(kept.position() + count);
            engine.countEarly(-count);
            if (!kept.hasRemaining()) {
                kept = null;
                early = null;
            }
            handler.onRead(piece);
        }
        if (!reading || closed) {
            return;
        }
        TransportException broken = failure;
        if (broken != null) {
            handler.onFailed(broken);
        } else if (ended) {
            reading = false;
            handler.onEnd();
        } else {
            receiveMore();
        }
    }

    // ---- The way out ----

    @Override
    public long write(ByteBuffer[] buffers, int count) throws TransportException {
        check();
        try {
            if (sendCount > 0) {
                engine.submitNow();
                check();
            }
            if (rest != null || awaitsRoom) {
                return 0;
            }
            long total = 0;
            for (int i = 0; i < count; i++) {
                total += buffers[i].remaining();
            }
            return total <= BATCHED_BYTES ? sendSoon(buffers, 0, count, (int) total) : sendNow(buffers, count, total);
        } catch (IOException broken) {
            throw broken instanceof TransportException known ? known : new TransportException(Kind.OTHER, broken);
        }
    }

    private void check() throws TransportException {
        TransportException broken = failure;
        if (broken != null) {
            throw broken;
        }
        if (closed || engine.isClosed()) {
            throw new TransportException(Kind.RESET, new IOException("the socket was closed from outside its loop"));
        }
    }

    @Override
    public long pending() {
        return pending;
    }

    /** With the next system call of the loop. */
    private int sendSoon(ByteBuffer[] buffers, int first, int end, int total) throws IOException {
        if (total > 0) {
            int offset = engine.roomToSend(total);
            copy(buffers, first, end, offset, total);
            queueSend(offset, total);
            pending += total;
        }
        return total;
    }

    private void queueSend(int offset, int count) {
        sendOffset = offset;
        sendCount = count;
        sendResult = TAKEN_WHOLE;
        // With WAITALL a part is a failure, and of a success nothing is told: most sends cost no completion.
        engine.submitSend(
                this,
                head(IoUring.OP_SEND, IoUring.SQE_CQE_SKIP_SUCCESS, 0),
                offset,
                count,
                MSG_DONTWAIT | MSG_WAITALL,
                tag(Tag.SEND));
    }

    private void copy(ByteBuffer[] buffers, int first, int end, int offset, int count) {
        ByteBuffer memory = engine.sendMemory.view;
        int at = offset;
        int left = count;
        for (int i = first; i < end && left > 0; i++) {
            ByteBuffer buffer = buffers[i];
            int n = Math.min(buffer.remaining(), left);
            memory.put(at, buffer, buffer.position(), n);
            buffer.position(buffer.position() + n);
            at += n;
            left -= n;
        }
    }

    /** From where the bytes are, or, when they are in pieces or on the heap, from a copy. */
    private long sendNow(ByteBuffer[] buffers, int count, long total) throws IOException {
        long sum = 0;
        for (int first = 0; first < count; ) {
            ByteBuffer buffer = buffers[first];
            if (!buffer.hasRemaining()) {
                first++;
                continue;
            }
            int offered;
            int n;
            if (buffer.isDirect() && (first == count - 1 || buffer.remaining() >= BATCHED_BYTES)) {
                offered = buffer.remaining();
                n = tryNow(MemorySegment.ofBuffer(buffer).address(), offered);
                Reference.reachabilityFence(buffer);
                buffer.position(buffer.position() + Math.max(n, 0));
            } else {
                offered = (int) Math.min(Math.min(total - sum, GATHERED_BYTES), engine.sendMemory.size());
                int offset = engine.roomToSend(offered);
                int[] before = positions(buffers, first, count);
                copy(buffers, first, count, offset, offered);
                n = tryNow(engine.sendMemory.address() + offset, offered);
                takeBack(buffers, first, before, Math.max(n, 0));
            }
            if (!isPassing(n)) {
                throw Errno.transportException("cannot send", n);
            }
            sum += Math.max(n, 0);
            if (n < offered) {
                awaitRoom();
                return sum;
            }
        }
        return sum;
    }

    private static int[] positions(ByteBuffer[] buffers, int first, int count) {
        int[] positions = new int[count - first];
        for (int i = first; i < count; i++) {
            positions[i - first] = buffers[i].position();
        }
        return positions;
    }

    /** Leaves the positions where only so many bytes are taken. */
    private static void takeBack(ByteBuffer[] buffers, int first, int[] before, int taken) {
        int left = taken;
        for (int i = 0; i < before.length; i++) {
            ByteBuffer buffer = buffers[first + i];
            int n = Math.min(buffer.position() - before[i], left);
            buffer.position(before[i] + n);
            left -= n;
        }
    }

    private int tryNow(long address, int count) throws IOException {
        return engine.now(head(IoUring.OP_SEND, 0, 0), 0, address, Ring.pair(count, MSG_DONTWAIT), 0, 0);
    }

    /** The kernel did not take the whole send; told before {@link #sendSettled}. */
    void sendFailed(int result) {
        sendResult = result;
    }

    /** The kernel has tried the send; what it left is moved out of the memory that the next ones use. */
    void sendSettled() {
        int count = sendCount;
        sendCount = 0;
        if (closed) {
            forgetIfIdle();
            return;
        }
        if (!isPassing(sendResult)) {
            failure = Errno.transportException("cannot send", sendResult);
        } else {
            int n = sendResult == TAKEN_WHOLE ? count : Math.max(sendResult, 0);
            taken += n;
            ByteBuffer left = rest;
            if (left != null) {
                left.position(left.position() + n);
                rest = left.hasRemaining() ? left : null;
            } else if (n < count) {
                rest = kept(sendOffset + n, count - n);
            }
            if (rest != null) {
                awaitRoom();
            }
        }
        willReport();
    }

    /** Whether some was taken, or more can be tried when the socket is found to have room. */
    private boolean isPassing(int result) {
        if (Errno.isShortage(result)) {
            return ++shortages < Errno.MOST_SHORTAGES;
        }
        shortages = 0;
        return result >= 0 || result == -Errno.EAGAIN;
    }

    private @Nullable ByteBuffer kept(int offset, int count) {
        try {
            return ByteBuffer.allocate(count).put(0, engine.sendMemory.view, offset, count);
        } catch (OutOfMemoryError full) {
            failure = BROKEN_OFF;
            return null;
        }
    }

    private void awaitRoom() {
        if (!awaitsRoom) {
            awaitsRoom = true;
            engine.submit(head(IoUring.OP_POLL_ADD, 0, 0), 0, 0, Ring.pair(0, POLLOUT), tag(Tag.ROOM), 0);
        }
    }

    void hasRoom() {
        awaitsRoom = false;
        if (closed) {
            forgetIfIdle();
        } else if (rest != null) {
            sendRest();
        } else {
            handler.onWritten(0);
        }
    }

    private void sendRest() {
        ByteBuffer left = rest;
        if (left == null) {
            return;
        }
        try {
            int count = left.remaining();
            int offset = engine.roomToSend(count);
            engine.sendMemory.view.put(offset, left, left.position(), count);
            queueSend(offset, count);
        } catch (IOException broken) {
            failure = new TransportException(Kind.OTHER, broken);
            willReport();
        }
    }

    /** The socket leaves, and asks again where it goes. */
    void hasNoRoomYet() {
        awaitsRoom = false;
    }

    @Override
    public void shutdownOutput() throws TransportException {
        check();
        try {
            if (sendCount > 0) {
                engine.submitNow();
            }
            // The ring's own operation would go through a thread of the kernel.
            int ordinary = isDirect ? engine.install(descriptor) : descriptor;
            int result = ordinary < 0 ? ordinary : engine.libc.shutdown(ordinary, SHUT_WR);
            if (isDirect && ordinary >= 0) {
                engine.libc.close(ordinary);
            }
            if (result < 0) {
                throw Errno.transportException("cannot shut output down", result);
            }
        } catch (IOException broken) {
            throw broken instanceof TransportException known ? known : new TransportException(Kind.OTHER, broken);
        }
    }

    // ---- Reports ----

    private void willReport() {
        if (!isToReport) {
            isToReport = true;
            engine.willReport(this);
        }
    }

    /** Handling an event has failed, and nothing would ever tell of it again: the socket fails instead. */
    void breakOff() {
        if (!closed) {
            failure = BROKEN_OFF;
            dropEarly(); // it is behind what is missing
            willReport();
        }
    }

    /** In a dispatch: what has become of sends, and reads that came early. */
    void report() {
        isToReport = false;
        if (closed) {
            return;
        }
        long n = taken;
        if (n > 0) {
            taken = 0;
            pending -= n;
            handler.onWritten(n);
        }
        if (reading && !closed) {
            deliver();
        } else if (failure != null && !closed) {
            handler.onFailed(failure);
        }
    }

    // ---- Moving ----

    @Override
    public void detach() throws TransportException {
        try {
            int ordinary = isDirect ? engine.install(descriptor) : descriptor;
            if (ordinary < 0) {
                throw Errno.transportException("no descriptor for the way to another loop", ordinary);
            }
            endWhatIsUnderWay();
            if (isDirect) {
                engine.closeDirect(descriptor);
            }
            leave(ordinary);
        } catch (IOException broken) {
            throw broken instanceof TransportException known ? known : new TransportException(Kind.OTHER, broken);
        }
    }

    private void endWhatIsUnderWay() throws IOException {
        if (receiving && !cancelling) {
            cancelReceive();
        }
        if (awaitsRoom) {
            cancel(Tag.ROOM);
        }
        engine.submitNow();
        engine.takeReceived(this);
        while (receiving || awaitsRoom) {
            engine.awaitCompletion();
            engine.takeReceived(this);
        }
    }

    private synchronized void leave(int ordinary) {
        engine.release(place, this);
        engine.countEarly(-heldEarly());
        isToReport = false;
        awaitsTurn = false;
        reading = false;
        descriptor = ordinary;
        isDirect = false;
        place = IN_TRANSIT;
    }

    void attach(UringEngine adopting, TransportHandler reportsTo) throws TransportException {
        if (place == IN_TRANSIT) {
            arrive(adopting);
        }
        handler = reportsTo;
        if (rest != null) {
            awaitRoom();
        }
        if (taken > 0 || failure != null) {
            willReport();
        }
    }

    /** Stays an ordinary descriptor when the engine's table is full. */
    private synchronized void arrive(UringEngine adopting) throws TransportException {
        if (closed) {
            throw new TransportException(Kind.RESET, new IOException("the socket was closed on its way"));
        }
        try {
            int direct = adopting.intoTable(descriptor);
            if (direct >= 0) {
                adopting.libc.close(descriptor);
                descriptor = direct;
                isDirect = true;
            }
        } catch (IOException broken) {
            throw new TransportException(Kind.OTHER, broken);
        }
        engine = adopting;
        place = adopting.remember(this);
        engine.countEarly(heldEarly());
    }

    // ---- The end ----

    @Override
    public void close() {
        end(false);
    }

    @Override
    public void reset() {
        end(true);
    }

    private void end(boolean resets) {
        if (closed) {
            return;
        }
        if (place == IN_TRANSIT) {
            endInTransit(resets);
        } else if (engine.isHere()) {
            endHere(resets);
        }
        // Else a handler hangs: the engine is being closed from outside, and its sockets are reset with it.
    }

    private synchronized void endInTransit(boolean resets) {
        if (place == IN_TRANSIT && !closed) {
            closed = true;
            Libc libc = new Libc();
            if (!resets) {
                libc.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, DO_NOT_LINGER, 8);
            }
            libc.close(descriptor);
        }
    }

    /** In the order in which the kernel is to do it, which it does when the loop waits. */
    private void endHere(boolean resets) {
        closed = true;
        if (!resets) {
            engine.submitAndForget(
                    head(IoUring.OP_URING_CMD, IoUring.SQE_CQE_SKIP_SUCCESS, 0),
                    IoUring.SOCKET_URING_OP_SETSOCKOPT,
                    Ring.pair(SOL_SOCKET, SO_LINGER),
                    0,
                    Ring.pair(0, 8),
                    DO_NOT_LINGER.address());
        }
        if (receiving && !cancelling) {
            cancelReceive();
        }
        if (awaitsRoom) {
            cancel(Tag.ROOM);
        }
        if (isDirect) {
            engine.closeDirect(descriptor);
        } else {
            engine.submitAndForget(
                    Ring.head(IoUring.OP_CLOSE, IoUring.SQE_CQE_SKIP_SUCCESS, 0, descriptor), 0, 0, 0, 0, 0);
        }
        rest = null;
        dropEarly();
        forgetIfIdle();
    }

    /** The last of what was under way has ended. */
    private void forgetIfIdle() {
        if (!receiving && !awaitsRoom && sendCount == 0) {
            engine.forget(place);
        }
    }

    private long head(int operation, int flags, int ioprio) {
        return Ring.head(operation, isDirect ? flags | IoUring.SQE_FIXED_FILE : flags, ioprio, descriptor);
    }

    private long tag(int what) {
        return Tag.of(what, engine.generationOf(place), place);
    }
}
