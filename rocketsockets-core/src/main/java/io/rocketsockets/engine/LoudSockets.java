package io.rocketsockets.engine;

import java.util.ArrayDeque;

/**
 * The sockets of an engine that send much at a time. They are read one after the other, behind those that send little, and only
 * so much of them all in a turn of the loop: who sends little is not kept waiting by hundreds of them. They are read whole all
 * the same, since the engine does not wait while any of them has more.
 *
 * <p><b>Threading:</b> the thread that runs the engine.
 */
public final class LoudSockets {
    /** Read at once, of any socket; who has sent so much is loud. */
    public static final int QUIET_BYTES = 16 * 1024;

    /** Of all of them in one turn: an echo of so much takes about a millisecond. */
    private static final int BYTES_PER_TURN = 1 << 20;

    /** Of one of them. */
    private static final int BYTES_EACH = 256 * 1024;

    /** One that has more to read. */
    public interface LoudSocket {
        /**
         * Reads so many bytes at most, and asks for another turn if there may be more.
         *
         * @return how many were read
         */
        int readOn(int bytes);
    }

    private final ArrayDeque<LoudSocket> waiting = new ArrayDeque<>();

    /** None at first. */
    public LoudSockets() {}

    /** Whether no socket has more to read: then the engine may wait. */
    public boolean isEmpty() {
        return waiting.isEmpty();
    }

    /** It has more to read; not again before its turn has come. */
    public void add(LoudSocket socket) {
        waiting.add(socket);
    }

    /** It leaves the engine before its turn. */
    public void remove(LoudSocket socket) {
        waiting.remove(socket);
    }

    /** Gives those that wait their turns, as far as this turn of the loop goes. */
    public void read() {
        int left = BYTES_PER_TURN;
        for (int n = waiting.size(); n > 0 && left > 0; n--) {
            left -= waiting.remove().readOn(BYTES_EACH);
        }
    }
}
