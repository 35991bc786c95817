package io.rocketsockets.epoll;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/** {@code struct epoll_event} and the constants of {@code linux/eventpoll.h}. */
final class Epoll {
    static final int EPOLL_CLOEXEC = 0x80000;
    static final int ADD = 1;
    static final int DELETE = 2;
    static final int MODIFY = 3;

    static final int IN = 0x1;
    static final int PRIORITY = 0x2;
    static final int OUT = 0x4;
    static final int ERR = 0x8;
    static final int HUP = 0x10;
    static final int READ_HUP = 0x2000;
    static final int EDGE_TRIGGERED = 1 << 31;

    /** Packed on x86-64, so that it is laid out as on 32 bits. */
    private static final int DATA_AT = System.getProperty("os.arch").equals("amd64") ? 4 : 8;

    static final int EVENT_BYTES = DATA_AT + Long.BYTES;

    private Epoll() {}

    static void set(MemorySegment event, int events, long data) {
        event.set(JAVA_INT_UNALIGNED, 0, events);
        event.set(JAVA_LONG_UNALIGNED, DATA_AT, data);
    }

    static int events(MemorySegment array, int index) {
        return array.get(JAVA_INT_UNALIGNED, (long) index * EVENT_BYTES);
    }

    static long data(MemorySegment array, int index) {
        return array.get(JAVA_LONG_UNALIGNED, (long) index * EVENT_BYTES + DATA_AT);
    }
}
