package io.rocketsockets.tls;

import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Records on their way to the transport, and how much plaintext of the application they hold. What the transport does not take
 * waits here, in memory of its own size; no more of the application's is encrypted until it has gone.
 */
final class SealedRecords {
    /** Answers to control records that a peer may leave unread. */
    private static final int MOST_UNREAD = 16 * 1024;

    private static final int LONGEST_PLAINTEXT = 16 * 1024;

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final Transport below;
    private final ByteBuffer[] offered = {NOTHING, NOTHING};

    /** Of the engine's own, held back; null for nothing. */
    private @Nullable ByteBuffer corked;

    /** What the transport has not taken, from position to limit; null for nothing. */
    private @Nullable ByteBuffer waiting;

    /** Plaintext whose records the kernel has not taken. */
    private long pendingPlaintext;

    /** What was encrypted last, and the size of its records; everything before it has gone. */
    private long lastPlaintext;

    private long lastSealed;

    SealedRecords(Transport below) {
        this.below = below;
    }

    boolean hasGone() {
        return waiting == null && below.pending() == 0;
    }

    boolean isWaiting() {
        return waiting != null;
    }

    long pendingPlaintext() {
        return pendingPlaintext;
    }

    /** Sends records that hold so much plaintext; everything before has to have gone. */
    void send(ByteBuffer records, int plaintext) throws TransportException {
        assert hasGone();
        lastPlaintext = plaintext;
        lastSealed = records.remaining();
        pendingPlaintext = plaintext;
        send(records);
        settle();
    }

    /** Sends records of the engine's own, behind those that wait. */
    void send(ByteBuffer records) throws TransportException {
        ByteBuffer first = corked == null ? NOTHING : corked;
        corked = null;
        if (hasGone()) {
            hand(first, records);
        }
        keep(first);
        keep(records);
    }

    private void keep(ByteBuffer records) {
        if (records.hasRemaining()) {
            ByteBuffer before = waiting == null ? NOTHING : waiting;
            waiting = ByteBuffer.allocate(before.remaining() + records.remaining())
                    .put(before)
                    .put(records)
                    .flip();
        }
    }

    /** Holds records of the engine's own back, to go with what is sent next, since each write costs more than its bytes. */
    void cork(ByteBuffer records) {
        ByteBuffer before = corked == null ? NOTHING : corked;
        corked = ByteBuffer.allocate(before.remaining() + records.remaining())
                .put(before)
                .put(records)
                .flip();
    }

    /** Sends what is held back yet. */
    void uncork() throws TransportException {
        if (corked != null) {
            send(NOTHING);
        }
    }

    /** As {@link #send}, for what a peer makes the engine say again and again. */
    void sendAnswer(ByteBuffer records) throws TransportException {
        send(records);
        if (waiting != null && waiting.remaining() > MOST_UNREAD + lastSealed) {
            throw new TransportException(
                    Kind.TLS_ABUSE, new IOException("answers to control records that are not read"));
        }
    }

    /** Hands over bytes as they are; everything before has to have gone. */
    long hand(ByteBuffer bytes) throws TransportException {
        return hand(NOTHING, bytes);
    }

    private long hand(ByteBuffer first, ByteBuffer second) throws TransportException {
        int count = 0;
        if (first.hasRemaining()) {
            offered[count++] = first;
        }
        if (second.hasRemaining()) {
            offered[count++] = second;
        }
        try {
            return count == 0 ? 0 : below.write(offered, count);
        } finally {
            Arrays.fill(offered, NOTHING);
        }
    }

    /**
     * The transport has made progress, and may take what waits.
     *
     * @return how much plaintext has gone
     */
    long onWritten() throws TransportException {
        ByteBuffer next = waiting;
        if (next != null && below.pending() == 0) {
            hand(next);
            if (!next.hasRemaining()) {
                waiting = null;
            }
        }
        return settle();
    }

    /**
     * Counts anew what is pending: in proportion to its records, and all of the one that has gone in part.
     *
     * @return how much has gone since
     */
    private long settle() {
        long before = pendingPlaintext;
        long sealed = below.pending() + (waiting == null ? 0 : waiting.remaining());
        if (sealed == 0) {
            pendingPlaintext = 0;
        } else if (sealed < lastSealed) {
            pendingPlaintext = Math.min(pendingPlaintext, lastPlaintext * sealed / lastSealed + LONGEST_PLAINTEXT);
        }
        return before - pendingPlaintext;
    }
}
