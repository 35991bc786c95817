package io.rocketsockets;

import io.rocketsockets.WriteBuffers.Segment;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one connection that the kernel has not taken yet, and who is to be told when it has.
 *
 * <p>Small writes are copied into a chunk of the loop, so that those of one turn leave in one system call; large ones are
 * referred to. A connection has one as long as something is queued; then {@link WriteBuffers} keeps it for others.
 *
 * <p><b>Threading:</b> confined to the loop that owns the connection.
 */
final class WriteQueue {
    /** Below this, copying costs less than a buffer of its own in the gathered write. */
    private static final int COPIED_BYTES = 4096;

    /** Of all connections that have nothing queued; nothing is ever added to it. */
    static final WriteQueue NONE = new WriteQueue();

    /** The next of those that are free. */
    @Nullable
    WriteQueue next;

    /** Bytes that the {@link WriteBudget} counts. */
    long counted;

    @Nullable
    private Segment head;

    @Nullable
    private Segment tail;

    @Nullable
    private Completion firstDue;

    @Nullable
    private Completion lastDue;

    private long queued;

    /** By the transport, which may have it in a copy. */
    private long handedOver;

    /** By the kernel. */
    private long taken;

    private long dropped;

    /**
     * Adds the bytes from position to limit. A borrowed buffer is only good until {@link #keep}.
     *
     * @return whether the queue refers to the buffer, rather than to a copy
     */
    boolean add(ByteBuffer source, boolean isBorrowed, WriteBuffers buffers) {
        int count = source.remaining();
        queued += count;
        if (count > COPIED_BYTES) {
            // A view of our own: the application's position and limit stay as they are.
            append(new Segment(source.duplicate())).isBorrowed = isBorrowed;
            return true;
        }
        if (count > 0) {
            // One call for both: where the JIT compiler leaves out the rarer one, the view of a delivery is allocated.
            Segment copy = tail != null && tail.hasRoom(count) ? tail : append(buffers.segment(count));
            copy.add(source, count);
        }
        return false;
    }

    /** Tells one of the two when the kernel has taken all that was added so far. */
    void whenTaken(Runnable onComplete, Consumer<? super Throwable> onException, WriteBuffers buffers) {
        Completion completion = buffers.completion();
        completion.endOffset = queued;
        completion.onComplete = onComplete;
        completion.onException = onException;
        if (lastDue == null) {
            firstDue = completion;
        } else {
            lastDue.next = completion;
        }
        lastDue = completion;
    }

    /**
     * Hands over as much as the transport takes.
     *
     * @return whether that was all; if not, or if it has some of it pending, {@link #advance} follows
     */
    boolean flush(Transport transport, WriteBuffers buffers) throws TransportException {
        ByteBuffer[] gathered = buffers.gathered;
        while (head != null) {
            int count = 0;
            long offered = 0;
            for (Segment segment = head; segment != null && count < gathered.length; segment = segment.next) {
                gathered[count++] = segment.bytes;
                offered += segment.bytes.remaining();
            }
            long n;
            try {
                n = transport.write(gathered, count);
            } catch (TransportException broken) { // after some had been taken, it may be
                for (int i = 0; i < count; i++) {
                    offered -= gathered[i].remaining();
                }
                handedOver += offered;
                taken = handedOver - transport.pending();
                throw broken;
            }
            Arrays.fill(gathered, 0, count, null); // what is sent must not be held
            handedOver += n;
            releaseSent(buffers);
            if (n < offered) {
                break;
            }
        }
        taken = handedOver - transport.pending();
        return head == null;
    }

    /** How many bytes the transport has been given in all. */
    long handedOver() {
        return handedOver;
    }

    /** How many bytes the transport has not been given. */
    long notHandedOver() {
        return queued - handedOver;
    }

    /** What is queued, as views whose positions do not move when it is sent; for who wants to see what that was. */
    List<ByteBuffer> views() {
        List<ByteBuffer> views = new ArrayList<>();
        for (Segment segment = head; segment != null; segment = segment.next) {
            views.add(segment.bytes.duplicate());
        }
        return views;
    }

    /** The kernel took so many bytes of what was pending since {@link #flush}. */
    void advance(long count) {
        taken += count;
    }

    /** Copies what is left of borrowed buffers, and of chunks, which are too large to wait with a slow peer. */
    void keep(WriteBuffers buffers) {
        Segment previous = null;
        for (Segment segment = head; segment != null; segment = segment.next) {
            if (segment.isBorrowed || segment.isChunk) {
                Segment copy = buffers.kept(segment);
                copy.next = segment.next;
                if (previous == null) {
                    head = copy;
                } else {
                    previous.next = copy;
                }
                if (tail == segment) {
                    tail = copy;
                }
                buffers.release(segment);
                segment = copy;
            }
            previous = segment;
        }
    }

    /** The oldest completion, if the kernel has taken its bytes, or null; the caller runs and releases it. */
    @Nullable
    Completion pollDone() {
        return firstDue != null && firstDue.endOffset <= taken ? pollDue() : null;
    }

    /** The youngest completion, done or not, or null. */
    @Nullable
    Completion lastDue() {
        return lastDue;
    }

    /** The oldest completion, done or not, or null. */
    @Nullable
    Completion pollDue() {
        Completion completion = firstDue;
        if (completion != null) {
            firstDue = completion.next;
            if (firstDue == null) {
                lastDue = null;
            }
            completion.next = null;
        }
        return completion;
    }

    /** Nothing that the kernel has not taken. */
    boolean isEmpty() {
        return queued == taken;
    }

    /** Everything is handed over, and some of it pending: {@link #advance} follows. */
    boolean isUnderWay() {
        return head == null && taken < queued;
    }

    /** Nothing to hand over and nobody to tell. */
    boolean isIdle() {
        return head == null && firstDue == null;
    }

    /** Something to hand over, and little. */
    boolean hasLittle() {
        return head != null && queued - handedOver <= COPIED_BYTES;
    }

    /** Nothing in it is left, not even a count. */
    boolean isDone() {
        return isIdle() && isEmpty() && counted == 0 && dropped == 0;
    }

    long unsentBytes() {
        return queued - taken;
    }

    /** Bytes that {@link #drop} found not taken. */
    long dropped() {
        return dropped;
    }

    /** Forgets the bytes; the completions stay, to be told. */
    void drop(WriteBuffers buffers) {
        dropped += unsentBytes();
        for (Segment segment = head; segment != null; ) {
            Segment next = segment.next;
            buffers.release(segment);
            segment = next;
        }
        head = null;
        tail = null;
        queued = taken;
        handedOver = taken;
    }

    private Segment append(Segment segment) {
        if (tail == null) {
            head = segment;
        } else {
            tail.next = segment;
        }
        tail = segment;
        return segment;
    }

    private void releaseSent(WriteBuffers buffers) {
        while (head != null && !head.bytes.hasRemaining()) {
            Segment sent = head;
            head = sent.next;
            buffers.release(sent);
        }
        if (head == null) {
            tail = null;
        }
    }
}
