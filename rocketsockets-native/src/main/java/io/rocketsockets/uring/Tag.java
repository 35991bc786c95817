package io.rocketsockets.uring;

/**
 * What a submission carries and its completions bring back, in 64 bits: what it was, whose, and in the middle the generation
 * of that place, since it may have a new owner by then.
 */
final class Tag {
    /** Of what nobody waits for: the completion is only there when it failed. */
    static final int IGNORED = 0;

    static final int WAKE = 1;
    static final int NOW = 2;
    static final int RECEIVE = 3;
    static final int SEND = 4;
    static final int ROOM = 5;
    static final int ACCEPT = 6;

    /** What was accepted has an ordinary descriptor too. */
    static final int INSTALLED = 7;

    private static final int GENERATION_MASK = 0xFFFFFF;

    private Tag() {}

    static long of(int what, int generation, int place) {
        return (long) what << 56 | (long) (generation & GENERATION_MASK) << 32 | place;
    }

    static int what(long tag) {
        return (int) (tag >>> 56);
    }

    static int place(long tag) {
        return (int) tag;
    }

    static int generation(long tag) {
        return (int) (tag >>> 32) & GENERATION_MASK;
    }

    static boolean isOf(long tag, int generation) {
        return generation(tag) == (generation & GENERATION_MASK);
    }
}
