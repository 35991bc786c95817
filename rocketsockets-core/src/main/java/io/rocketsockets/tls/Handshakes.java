package io.rocketsockets.tls;

import io.rocketsockets.engine.FilterLoop;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashSet;

/**
 * The handshakes in progress on one loop, at most so many, since each holds an {@code SSLEngine}. When there are too many, the
 * one that waits for its peer the longest gives way, once that is a second: a peer that means it has answered by then. Where there
 * is none yet, newcomers wait, unread; the youngest goes first, since the oldest may have gone. A few begin in one turn, and little is
 * computed in it, however many come, so that the connections that are open have theirs.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
final class Handshakes {
    private static final long PATIENCE_NANOS = 1_000_000_000;

    /** To make an engine and let it read a hello takes a fraction of a millisecond, which in a turn adds up to few. */
    private static final int MOST_IN_A_TURN = 8;

    /** What handshakes may take of a turn with their computations; one on an elliptic curve takes about one millisecond. */
    private static final long MOST_NANOS_IN_A_TURN = 5_000_000;

    private final int limit;
    private final FilterLoop loop;
    private final TlsWorkers workers;

    /** Who waits for its peer the longest first. */
    private final LinkedHashSet<TlsHandshake> inProgress = new LinkedHashSet<>();

    /** The youngest first. */
    private final ArrayDeque<TlsHandshake> waiting = new ArrayDeque<>();

    private boolean isInTurn;
    private int begunInThisTurn;
    private long nanosInThisTurn;

    /** Whether it is looked again for who has to give way; there is nothing to look for while nobody waits. */
    private boolean looksAgain;

    Handshakes(int limit, FilterLoop loop, TlsWorkers workers) {
        this.limit = limit;
        this.loop = loop;
        this.workers = workers;
    }

    /** False when it has to wait: it is told by {@link TlsHandshake#onTurn}. */
    boolean enter(TlsHandshake handshake) {
        long untilNext = isFull() ? makeRoom() : 0;
        if (mayBegin()) {
            inProgress.add(handshake);
            return true;
        }
        waiting.push(handshake);
        if (isFull()) {
            lookAgain(untilNext);
        }
        return false;
    }

    private boolean isFull() {
        return inProgress.size() >= limit;
    }

    /** Counts one that begins; those that may not in this turn do in the next. */
    private boolean mayBegin() {
        if (isFull() || begunInThisTurn == MOST_IN_A_TURN) {
            return false;
        }
        begunInThisTurn++;
        countThisTurn();
        return true;
    }

    /** Whether something may be computed on the loop that takes so long, in this turn. */
    boolean haveTime(long nanos) {
        return nanosInThisTurn + nanos <= MOST_NANOS_IN_A_TURN;
    }

    /** Something was, and took so long. */
    void took(long nanos) {
        nanosInThisTurn += nanos;
        countThisTurn();
    }

    private void countThisTurn() {
        if (!isInTurn) {
            isInTurn = true;
            loop.nextTurn(this::onNextTurn);
        }
    }

    private void onNextTurn() {
        isInTurn = false;
        begunInThisTurn = 0;
        nanosInThisTurn = 0;
        letBegin();
    }

    private void letBegin() {
        while (!waiting.isEmpty() && mayBegin()) {
            TlsHandshake next = waiting.pop();
            inProgress.add(next);
            next.onTurn();
        }
        if (isFull() && !waiting.isEmpty()) {
            lookAgain(0);
        }
    }

    /** One gives way if it may; how long it is until the next may. */
    private long makeRoom() {
        long now = System.nanoTime();
        for (Iterator<TlsHandshake> oldest = inProgress.iterator(); oldest.hasNext(); ) {
            TlsHandshake handshake = oldest.next();
            long left = PATIENCE_NANOS - (now - handshake.waitsForPeerSince());
            if (left > 0) {
                return left;
            }
            if (!handshake.isComputing()) {
                handshake.giveWay(); // and leaves
                return 0;
            }
        }
        return PATIENCE_NANOS; // all compute, and leave by themselves
    }

    private void lookAgain(long nanos) {
        if (!looksAgain) {
            looksAgain = true;
            workers.executeLater(() -> loop.execute(this::look), nanos);
        }
    }

    private void look() {
        looksAgain = false;
        long untilNext = 0;
        for (int i = 0; i < MOST_IN_A_TURN && untilNext == 0 && isFull() && !waiting.isEmpty(); i++) {
            untilNext = makeRoom();
        }
        if (isFull() && !waiting.isEmpty()) {
            lookAgain(untilNext);
        }
    }

    /** It is its peer's turn. */
    void onAnswered(TlsHandshake handshake) {
        if (inProgress.remove(handshake)) {
            inProgress.add(handshake);
        }
    }

    /** It is done, or gone, also while it waited. */
    void leave(TlsHandshake handshake) {
        if (inProgress.remove(handshake)) {
            letBegin();
        } else {
            waiting.remove(handshake);
        }
    }
}
