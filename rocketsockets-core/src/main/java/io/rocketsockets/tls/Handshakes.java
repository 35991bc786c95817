package io.rocketsockets.tls;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashSet;

/**
 * The handshakes in progress on one loop, at most so many, since each holds an {@code SSLEngine}. When there are too many, the
 * oldest that waits for its peer gives way, once it is a second old: a peer that means it has answered by then. Where there is
 * none, newcomers wait, unread; the youngest goes first, since the oldest may have gone.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
final class Handshakes {
    private static final long PATIENCE_NANOS = 1_000_000_000;

    private final int limit;

    /** The oldest first. */
    private final LinkedHashSet<TlsHandshake> inProgress = new LinkedHashSet<>();

    /** The youngest first. */
    private final ArrayDeque<TlsHandshake> waiting = new ArrayDeque<>();

    Handshakes(int limit) {
        this.limit = limit;
    }

    /** False when it has to wait: it is told by {@link TlsHandshake#onTurn}. */
    boolean enter(TlsHandshake handshake) {
        if (inProgress.size() >= limit) {
            makeRoom();
        }
        boolean hasRoom = inProgress.size() < limit;
        if (hasRoom) {
            inProgress.add(handshake);
        } else {
            waiting.push(handshake);
        }
        return hasRoom;
    }

    private void makeRoom() {
        long now = System.nanoTime();
        for (Iterator<TlsHandshake> oldest = inProgress.iterator(); oldest.hasNext(); ) {
            TlsHandshake handshake = oldest.next();
            if (now - handshake.since() < PATIENCE_NANOS) {
                return;
            }
            if (!handshake.isComputing()) {
                handshake.giveWay(); // and leaves
                return;
            }
        }
    }

    /** It is done, or gone, also while it waited. */
    void leave(TlsHandshake handshake) {
        if (inProgress.remove(handshake)) {
            TlsHandshake next = waiting.poll();
            if (next != null) {
                inProgress.add(next);
                next.onTurn();
            }
        } else {
            waiting.remove(handshake);
        }
    }
}
