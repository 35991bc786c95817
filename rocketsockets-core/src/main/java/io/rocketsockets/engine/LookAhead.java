package io.rocketsockets.engine;

/**
 * When an engine looks at sockets before it reports to the first of them. Of many sockets each is out of the processor's cache
 * by the time it is its turn, and what it waits for memory is waited for one by one, since a system call lies between; looked
 * at together they wait together. It is group prefetching: Chen, Ailamaki, Gibbons and Mowry, "Improving hash join performance
 * through prefetching", ICDE 2004.
 */
public final class LookAhead {
    /** Of one look: their memory is to stay in the first-level cache until it is their turn; 8 and 48 were dearer. */
    public static final int SOCKETS = 16;

    /** Fewer are in the cache anyhow. */
    private static final int MANY = 64;

    private LookAhead() {}

    /**
     * Whether the next {@link #SOCKETS} from {@code index} on are to be looked at.
     *
     * @param sockets that have their turn before the first has another: all that are due or, where a turn is for no more than a
     *     part of them, all that there are
     */
    public static boolean isDue(int index, int sockets) {
        return sockets >= MANY && index % SOCKETS == 0;
    }
}
