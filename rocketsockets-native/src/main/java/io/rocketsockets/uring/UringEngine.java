package io.rocketsockets.uring;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
import io.rocketsockets.linux.IoUring;
import io.rocketsockets.linux.Libc;
import io.rocketsockets.linux.SocketAddresses;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One ring, and what is under way in it. A turn of the loop is one system call: it hands over what the last turn queued (sends,
 * receives to begin, sockets to close) and waits for what comes back.
 *
 * <p><b>Sockets</b> are direct descriptors: places in a table of the ring, which no limit on open files counts.
 * <p><b>Sends</b> are tried as they are handed over and never wait in the kernel, so the memory of their copies is free again
 * when the call returns. What a socket has no room for is kept here until it has.
 * <p><b>Threading:</b> confined to the loop's thread, but for {@link #wakeup} and {@link #close}.
 * <p><b>Memory</b> that the kernel may still write to is freed by the collector, after the engine is gone: when {@link #close}
 * on the loop has seen the last completion, or a handler hangs that keeps the engine in reach.
 */
final class UringEngine implements Engine {
    private static final int EVENT_BYTES = 8;

    // sys/eventfd.h
    private static final int EFD_CLOEXEC = 0x80000;

    /** Kept for all sockets that nobody reads; then others receive in small pieces. */
    private static final int MUCH_EARLY_BYTES = 1 << 20;

    private static final int SMALL_PIECE_BYTES = 4096;

    /** Of the buffers for a starved socket, however many there are. */
    private static final int SMALLEST_SHARE_BYTES = 1024;

    /** What is waited for when an engine closes; a ring whose kernel does not answer is left to it. */
    private static final long CLOSING_NANOS = 2_000_000_000;

    /** Of handing submissions over, each of which takes some unless the system is out of memory. */
    private static final int MOST_TRIES = 10_000;

    final Libc libc = new Libc();
    final UringSizes sizes;
    final ReceiveBuffers receive;
    final SendMemory sendMemory;

    private final Ring ring;
    private final int eventDescriptor;
    private final MemorySegment event = Arena.ofAuto().allocate(EVENT_BYTES, 8);

    /** For getsockname. */
    final MemorySegment address = Arena.ofAuto().allocate(SocketAddresses.BYTES, 8);

    final MemorySegment addressBytes = Arena.ofAuto().allocate(4, 4);

    /** For what is done at once; the kernel reads it within the call. */
    private final MemorySegment argument = Arena.ofAuto().allocate(8, 8);

    // What has completed and is not dispatched yet, in the kernel's order.
    private long[] tags = new long[256];
    private int[] results = new int[256];
    private int[] flags = new int[256];
    private int[] offsets = new int[256];
    private int head;
    private int end;

    /** Keeps the compiler from leaving {@link #lookAhead} out. */
    @SuppressWarnings("UnusedVariable")
    private int seen;

    /** Whoever has something to report that is no completion. */
    private final ArrayList<UringTransport> toReport = new ArrayList<>(256);

    private final ArrayList<UringTransport> reporting = new ArrayList<>(256);

    /** Sends that are queued in the ring, but for those that are settled already. */
    private @Nullable UringTransport[] sending = new @Nullable UringTransport[256];

    private int sendingCount;
    private int settled;

    /** Those that stopped reading, whose receive is cancelled unless they start again in this turn. */
    private final ArrayList<UringTransport> stopped = new ArrayList<>(256);

    /** Those whose receive found no buffer: in the next turn each has a share of them all. */
    private final ArrayList<UringTransport> starved = new ArrayList<>(256);

    /** Those that send much at a time: a few receive in each turn, after the starved. */
    private final ArrayList<UringTransport> loud = new ArrayList<>(256);

    /** Who receives so much at a time is loud. */
    final int loudBytes;

    /** What one socket receives in one go, then it is the next one's turn; 0 where the kernel takes no limit (Linux 6.17). */
    private int receiveLimit;

    /** What came for sockets that nobody reads, of all: the heap holds it. */
    private long early;

    private final Places places = new Places();
    private final List<UringListener> listeners = new ArrayList<>();

    /** Places of the table that are taken or promised to an accept. */
    private int descriptorsInUse;

    /** Submissions whose last completion has not come yet. */
    private int underWay;

    private boolean isWoken;
    private boolean hasResult;

    /** Accepts that were taken and whose listener has not asked about them. */
    private int unasked;

    private int answersDue;
    private int result;
    private int staleCompletions;

    /** The loop's thread, from its first call on. */
    private volatile @Nullable Thread owner;

    private volatile boolean closed;
    private final Object closing = new Object();

    UringEngine(UringSizes sizes) throws IOException {
        this.sizes = sizes;
        receiveLimit = sizes.receiveBytes();
        loudBytes = Math.min(LoudSockets.QUIET_BYTES, sizes.receiveBytes());
        ring = new Ring(sizes.submissions(), sizes.completions());
        int opened = -1;
        try {
            receive = new ReceiveBuffers(ring, sizes.receiveBuffers(), sizes.receiveBytes());
            sendMemory = new SendMemory(sizes.sendBytes());
            registerTable();
            opened = libc.eventfd(0, EFD_CLOEXEC);
            if (opened < 0) {
                throw Errno.exception("cannot open an eventfd", opened);
            }
            eventDescriptor = opened;
        } catch (Throwable refused) {
            ring.close();
            throw refused;
        }
    }

    private void registerTable() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(32, 8); // struct io_uring_rsrc_register
            table.set(JAVA_INT, 0, sizes.descriptors());
            table.set(JAVA_INT, 4, IoUring.RSRC_REGISTER_SPARSE);
            int refused = ring.register(IoUring.REGISTER_FILES2, table, 32);
            if (refused < 0) {
                throw Errno.exception("cannot register a table of descriptors: size=" + sizes.descriptors(), refused);
            }
        }
    }

    /** At the first call of the loop: the ring is its thread's from now on. */
    private void begin() throws IOException {
        if (owner == null) {
            ring.enable();
            owner = Thread.currentThread();
            awaitWakeup();
        }
    }

    boolean isHere() {
        return owner == Thread.currentThread();
    }

    boolean isClosed() {
        return closed;
    }

    @Override
    public Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) throws IOException {
        begin();
        UringListener listener = UringListener.open(this, listeners.size(), address, options, handler);
        listeners.add(listener);
        return listener;
    }

    @Override
    public void adopt(Transport transport, TransportHandler handler) throws TransportException {
        try {
            begin();
        } catch (IOException refused) {
            throw new TransportException(TransportException.Kind.OTHER, refused);
        }
        ((UringTransport) transport).attach(this, handler);
    }

    // ---- The turn ----

    @Override
    public int poll(long timeoutNanos) throws IOException {
        begin();
        if (isWoken) {
            awaitWakeup();
        }
        cancelStopped();
        receiveAgain();
        compact();
        // What is sent now is told in this turn, so nobody is kept waiting for it.
        boolean waits = timeoutNanos != 0
                && head == end
                && toReport.isEmpty()
                && reporting.isEmpty()
                && sendingCount == 0
                && loud.isEmpty();
        enter(waits ? 1 : 0, true, timeoutNanos);
        if (ring.queued() > 0 || ring.hasOverflowed()) {
            submitNow();
        }
        return end - head + toReport.size() + reporting.size();
    }

    /** Hands over what is queued, takes what has completed, and settles what was sent. */
    private void enter(int completions, boolean collects, long timeoutNanos) throws IOException {
        int trouble;
        try {
            trouble = ring.enter(completions, collects, timeoutNanos);
            take();
        } catch (IllegalStateException unmapped) {
            if (closed) {
                throw new IOException("the engine was closed from outside its loop", unmapped);
            }
            throw unmapped;
        }
        switch (-trouble) {
            case 0, Errno.ETIME, Errno.EINTR, Errno.EBUSY, Errno.EAGAIN -> {}
            default -> throw Errno.exception("io_uring_enter failed", trouble);
        }
        if (ring.queued() == 0 && !ring.hasOverflowed()) {
            settleSends();
        }
    }

    /** Hands over what is queued, and takes what the kernel kept for want of room. */
    void submitNow() throws IOException {
        int tries = 0;
        do {
            if (++tries > MOST_TRIES) {
                throw new IOException("io_uring takes no submissions: queued=" + ring.queued()
                        + "; the kernel has no memory for them, or overflows: completions=" + sizes.completions());
            }
            enter(0, ring.hasOverflowed(), 0);
        } while (ring.queued() > 0 || ring.hasOverflowed());
    }

    private void take() {
        int completed = ring.completed();
        ensureRoom(completed); // before any is taken: where the heap has none they wait in the ring
        for (int n = completed; n > 0; n--) {
            long tag = ring.userData();
            int flags = ring.flags();
            int result = ring.result();
            ring.pass();
            boolean isLast = (flags & IoUring.CQE_F_MORE) == 0;
            switch (Tag.what(tag)) {
                case Tag.IGNORED -> {
                    // Closed, cancelled or set in vain: the socket, or what was to be cancelled, was gone.
                }
                case Tag.NOW -> {
                    underWay--;
                    hasResult = true;
                    this.result = result;
                }
                case Tag.WAKE -> {
                    underWay--;
                    isWoken = true; // the loop looks for the reason itself: this is no event
                }
                case Tag.SEND -> {
                    UringTransport transport = places.at(tag);
                    if (transport != null) {
                        transport.sendFailed(result);
                    }
                }
                case Tag.INSTALLED -> {
                    underWay--;
                    answersDue--;
                    listeners.get(Tag.place(tag)).installed(Tag.generation(tag), result);
                }
                default -> {
                    if (isLast) {
                        underWay--;
                    }
                    if (Tag.what(tag) == Tag.ACCEPT) {
                        unasked++;
                    }
                    add(tag, result, flags);
                }
            }
        }
        ring.release();
    }

    private void ensureRoom(int count) {
        if (end + count > tags.length) {
            int larger = Math.max(end + count, 2 * tags.length);
            long[] moreTags = Arrays.copyOf(tags, larger);
            int[] moreResults = Arrays.copyOf(results, larger);
            int[] moreFlags = Arrays.copyOf(flags, larger);
            offsets = Arrays.copyOf(offsets, larger);
            flags = moreFlags;
            results = moreResults;
            tags = moreTags;
        }
    }

    private void add(long tag, int result, int flag) {
        tags[end] = tag;
        results[end] = result;
        flags[end] = flag;
        if ((flag & IoUring.CQE_F_BUFFER) != 0) {
            offsets[end] = receive.take(bufferOf(flag), result, (flag & IoUring.CQE_F_BUF_MORE) != 0);
        }
        end++;
    }

    private static int bufferOf(int flags) {
        return flags >>> IoUring.CQE_BUFFER_SHIFT;
    }

    private void compact() {
        if (head == end) {
            head = 0;
            end = 0;
        }
    }

    /** The kernel has tried every send that was queued; those that it took whole it does not mention. */
    private void settleSends() {
        while (settled < sendingCount) {
            UringTransport transport = Objects.requireNonNull(sending[settled]);
            sending[settled++] = null;
            transport.sendSettled();
        }
        settled = 0;
        sendingCount = 0;
        sendMemory.clear();
    }

    @Override
    public void dispatch() {
        if (unasked > 0) {
            askAboutAccepted();
        }
        for (int i = 0; i < toReport.size(); i++) { // addAll would make an array
            reporting.add(toReport.get(i));
        }
        toReport.clear();
        for (UringTransport transport : reporting) {
            try {
                transport.report();
            } catch (Throwable fault) {
                transport.breakOff();
                throw fault;
            }
        }
        reporting.clear();
        for (int first = head, last = end; head < last; ) {
            if (LookAhead.isDue(head - first, places.size())) { // a call brings few completions, however many are due
                lookAhead(Math.min(last, head + LookAhead.SOCKETS));
            }
            int i = head++;
            long tag = tags[i];
            try {
                dispatch(i);
            } catch (Throwable fault) { // the kernel tells it once: the socket cannot go on
                UringTransport transport = Tag.what(tag) == Tag.ACCEPT ? null : places.at(tag);
                if (transport != null) {
                    transport.breakOff();
                }
                throw fault;
            }
        }
    }

    /** What only ordinary descriptors tell, of all that were accepted in this turn: they cost one call together. */
    private void askAboutAccepted() {
        try {
            while (unasked > 0) { // more may come with the answers
                unasked = 0;
                answersDue = 0;
                for (int i = head; i < end; i++) {
                    if (Tag.what(tags[i]) == Tag.ACCEPT && results[i] >= 0) {
                        listeners.get(Tag.place(tags[i])).ask(Tag.generation(tags[i]), results[i]);
                    }
                }
                if (answersDue > 0) {
                    submitNow();
                }
                while (answersDue > 0) {
                    enter(1, true, -1);
                }
            }
        } catch (IOException broken) { // they stay unknown, and the loop's next turn says so
            unasked = 0;
        } finally {
            listeners.forEach(UringListener::hear);
        }
    }

    private void lookAhead(int last) {
        int sum = 0;
        for (int i = head; i < last; i++) {
            // Only who reads has a handler for certain; and what was done ahead of its turn has no place in its tag.
            UringTransport transport = Tag.what(tags[i]) == Tag.RECEIVE ? places.at(tags[i]) : null;
            if (transport != null) {
                sum += transport.lookAhead();
            }
        }
        seen = sum;
    }

    private void dispatch(int i) {
        long tag = tags[i];
        switch (Tag.what(tag)) {
            case Tag.RECEIVE -> received(i, true);
            case Tag.ROOM -> hasRoom(tag);
            case Tag.ACCEPT -> listeners.get(Tag.place(tag)).onAccept(Tag.generation(tag), results[i]);
            default -> {
                // It was done ahead of its turn.
            }
        }
    }

    private void hasRoom(long tag) {
        UringTransport transport = places.at(tag);
        if (transport == null) {
            staleCompletions++;
        } else {
            transport.hasRoom();
        }
    }

    /** @param mayDeliver false when the socket leaves: what has come for it waits */
    private void received(int i, boolean mayDeliver) {
        long tag = tags[i];
        tags[i] = Tag.IGNORED;
        boolean isLast = (flags[i] & IoUring.CQE_F_MORE) == 0;
        boolean hasBytes = (flags[i] & IoUring.CQE_F_BUFFER) != 0;
        UringTransport transport = places.at(tag);
        try {
            if (transport == null) {
                staleCompletions++;
            } else if (hasBytes) {
                transport.received(offsets[i], results[i], isLast, mayDeliver);
            } else {
                transport.receiveEnded(results[i], mayDeliver);
            }
        } finally {
            if (hasBytes) {
                receive.giveBack(bufferOf(flags[i]));
            }
        }
    }

    /** Does what has come for a socket that leaves, ahead of its turn. */
    void takeReceived(UringTransport transport) {
        for (int i = head; i < end; i++) {
            if (Tag.what(tags[i]) == Tag.RECEIVE && places.at(tags[i]) == transport) {
                received(i, false);
            } else if (Tag.what(tags[i]) == Tag.ROOM && places.at(tags[i]) == transport) {
                tags[i] = Tag.IGNORED;
                transport.hasNoRoomYet();
            }
        }
    }

    /** The same for the accepts of a listener that closes. */
    void takeAccepted(int listener) {
        for (int i = head; i < end; i++) {
            long tag = tags[i];
            if (Tag.what(tag) == Tag.ACCEPT && Tag.place(tag) == listener) {
                tags[i] = Tag.IGNORED;
                listeners.get(listener).onAccept(Tag.generation(tag), results[i]);
            }
        }
    }

    // ---- What transports ask for ----

    /** The place of a transport in this engine; it is in its tags until {@link #forget}. No list has to grow for it later. */
    int remember(UringTransport transport) {
        int size = places.size() + 1;
        if (sending.length < size) {
            List.of(toReport, reporting, stopped, starved, loud).forEach(list -> list.ensureCapacity(2 * size));
            sending = Arrays.copyOf(sending, 2 * size);
        }
        return places.take(transport);
    }

    int generationOf(int place) {
        return places.generation(place);
    }

    /** Nothing of that transport is under way any more. */
    void forget(int place) {
        places.free(place);
    }

    /** The transport leaves, with nothing of it under way. */
    void release(int place, UringTransport transport) {
        places.free(place);
        toReport.remove(transport);
        stopped.remove(transport);
        starved.remove(transport);
        loud.remove(transport);
    }

    void willReport(UringTransport transport) {
        toReport.add(transport);
    }

    void isStopping(UringTransport transport) {
        stopped.add(transport);
    }

    void isStarved(UringTransport transport) {
        starved.add(transport);
    }

    void awaitTurn(UringTransport transport) {
        loud.add(transport);
    }

    void countEarly(int bytes) {
        early += bytes;
    }

    /**
     * A socket may stop with its next piece, and what has come in the same turn is kept for it: of many not too much. No such
     * bound where the kernel takes no limit.
     */
    int receiveLimit() {
        return early < MUCH_EARLY_BYTES ? receiveLimit : Math.min(receiveLimit, SMALL_PIECE_BYTES);
    }

    void liftReceiveLimit() {
        receiveLimit = 0;
    }

    /** All buffers are free again: the starved share them, or half of them where loud sockets wait for the other half. */
    private void receiveAgain() {
        if (!starved.isEmpty()) {
            int shared = loud.isEmpty() ? sizes.receiveMemory() : sizes.receiveMemory() / 2;
            int share = Math.max(SMALLEST_SHARE_BYTES, shared / starved.size());
            for (UringTransport transport : starved) {
                transport.receiveOnce(Math.min(share, sizes.receiveBytes()));
            }
            starved.clear();
        }
        if (!loud.isEmpty()) {
            List<UringTransport> next = loud.subList(0, Math.min(loud.size(), sizes.receiveBuffers() / 2));
            for (UringTransport transport : next) {
                transport.receiveOnce(sizes.receiveBytes());
            }
            next.clear();
        }
    }

    private void cancelStopped() {
        for (int i = 0; i < stopped.size(); i++) {
            stopped.get(i).cancelUnlessStarted();
        }
        stopped.clear();
    }

    /** Room for that many submissions, so that those of one operation are handed over together. */
    private void makeRoom() {
        if (ring.isFull()) {
            try {
                submitNow();
            } catch (IOException broken) {
                throw new IllegalStateException("the ring takes no submissions", broken);
            }
        }
    }

    /** Queues one whose completion is dispatched. */
    void submit(long head, long off, long address, long length, long tag, long index) {
        makeRoom();
        underWay++;
        add(head, off, address, length, tag, index, 0);
    }

    private void add(long head, long off, long address, long length, long tag, long index, long last) {
        try {
            ring.submit(head, off, address, length, tag, index, last);
        } catch (IllegalStateException unmapped) {
            if (!closed) { // else there is nothing left to be done
                throw unmapped;
            }
        }
    }

    /** Queues one that completes as it is handed over, and of which only the failure is told, and to nobody. */
    void submitAndForget(long head, long off, long address, long length, long index, long last) {
        makeRoom();
        add(head, off, address, length, Tag.IGNORED, index, last);
    }

    /** Queues a send of what is in {@link #sendMemory} from that offset on; there must be room. */
    void submitSend(UringTransport transport, long head, int offset, int count, int messageFlags, long tag) {
        sending[sendingCount++] = transport;
        add(head, 0, sendMemory.address() + offset, Ring.pair(count, messageFlags), tag, 0, 0);
    }

    /** Where so many bytes of a send may be copied to, with a submission to go with them. */
    int roomToSend(int count) throws IOException {
        if (ring.isFull() || sendMemory.left() < count) {
            submitNow();
        }
        return sendMemory.take(count);
    }

    /** Does it at once, after all that is queued. @return its result */
    int now(long head, long off, long address, long length, long index, long last) throws IOException {
        makeRoom();
        underWay++;
        hasResult = false;
        add(head, off, address, length, Tag.of(Tag.NOW, 0, 0), index, last);
        submitNow();
        while (!hasResult) {
            enter(1, true, -1);
        }
        return result;
    }

    /** Waits until what is under way for a socket has ended, which was asked for. */
    void awaitCompletion() throws IOException {
        enter(1, true, -1);
    }

    /** The socket of a direct descriptor gets an ordinary one too. @return it, or {@code -errno} */
    int install(int place) throws IOException {
        return now(Ring.head(IoUring.OP_FIXED_FD_INSTALL, IoUring.SQE_FIXED_FILE, 0, place), 0, 0, 0, 0, 0);
    }

    /** The same for one that was accepted, with the next submission. */
    void install(int place, long tag) {
        submit(Ring.head(IoUring.OP_FIXED_FD_INSTALL, IoUring.SQE_FIXED_FILE, 0, place), 0, 0, 0, tag, 0);
        answersDue++; // not where the ring has refused it, whose answer would be waited for in vain
    }

    /** The socket of an ordinary descriptor gets a direct one too. @return it, or {@code -errno} */
    int intoTable(int descriptor) throws IOException {
        if (descriptorsLeft() <= 0) {
            return -Errno.ENFILE;
        }
        argument.set(JAVA_INT, 0, descriptor);
        int taken = now(
                Ring.head(IoUring.OP_FILES_UPDATE, 0, 0, 0),
                Ring.pair(IoUring.FILE_INDEX_ALLOC, 0),
                argument.address(),
                Ring.pair(1, 0),
                0,
                0);
        if (taken < 1) {
            return taken < 0 ? taken : -Errno.ENFILE;
        }
        descriptorsInUse++;
        return argument.get(JAVA_INT, 0);
    }

    void closeDirect(int place) {
        submitAndForget(
                Ring.head(IoUring.OP_CLOSE, IoUring.SQE_CQE_SKIP_SUCCESS, 0, 0), 0, 0, 0, Ring.pair(0, place + 1), 0);
        descriptorsInUse--;
        listeners.forEach(UringListener::descriptorIsFree);
    }

    int descriptorsLeft() {
        return sizes.descriptors() - descriptorsInUse;
    }

    void promiseDescriptor() {
        descriptorsInUse++;
    }

    void takeBackPromise() {
        descriptorsInUse--;
    }

    // ---- Waking up ----

    private void awaitWakeup() {
        isWoken = false;
        submit(
                Ring.head(IoUring.OP_READ, 0, 0, eventDescriptor),
                0,
                event.address(),
                Ring.pair(EVENT_BYTES, 0),
                Tag.of(Tag.WAKE, 0, 0),
                0);
    }

    @Override
    public void wakeup() {
        synchronized (closing) {
            if (!closed) {
                Waker.WAKER.wake(eventDescriptor);
            }
        }
    }

    /** The memory of a wake-up, which is always the same number. */
    private static final class Waker {
        static final Waker WAKER = new Waker();

        private final MemorySegment one = Arena.global().allocate(EVENT_BYTES, 8);

        private Waker() {
            one.set(JAVA_LONG, 0, 1);
        }

        void wake(int descriptor) {
            new Libc().write(descriptor, one, EVENT_BYTES);
        }
    }

    // ---- The end ----

    @Override
    public void close() throws IOException {
        synchronized (closing) {
            if (closed) {
                return;
            }
            try {
                if (isHere()) {
                    closeSockets();
                }
            } finally {
                closed = true;
                ring.close();
                libcOfCloser().close(eventDescriptor);
                listeners.forEach(UringListener::closeDescriptor);
            }
        }
    }

    private Libc libcOfCloser() {
        return isHere() ? libc : new Libc();
    }

    /** Cancels all that is under way and waits for it, so that the kernel has given all memory back. */
    private void closeSockets() throws IOException {
        places.forEach(UringTransport::close);
        listeners.forEach(UringListener::stopAccepting);
        submitAndForget(
                Ring.head(IoUring.OP_ASYNC_CANCEL, 0, 0, 0),
                0,
                0,
                Ring.pair(0, IoUring.CANCEL_ALL | IoUring.CANCEL_ANY),
                0,
                0);
        long start = System.nanoTime();
        do {
            dispatch(); // to sockets that are closed: they only let go of what they held
            compact();
            enter(underWay > 0 ? 1 : 0, true, CLOSING_NANOS);
        } while (underWay > 0 && System.nanoTime() - start < CLOSING_NANOS);
        dispatch();
    }

    // ---- What tests look at ----

    int underWay() {
        return underWay;
    }

    long earlyBytes() {
        return early;
    }

    int descriptorsInUse() {
        return descriptorsInUse;
    }

    int transports() {
        return places.inUse();
    }

    int staleCompletions() {
        return staleCompletions;
    }
}
