package io.rocketsockets.uring;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Copies of what is sent in one turn, one after the other; all of it is free again when the kernel has tried them. */
final class SendMemory {
    private final MemorySegment memory;

    /** All of it; position and limit mean nothing. */
    final ByteBuffer view;

    private int used;

    SendMemory(int bytes) {
        memory = Arena.ofAuto().allocate(bytes, 64);
        view = memory.asByteBuffer();
    }

    long address() {
        return memory.address();
    }

    int size() {
        return view.capacity();
    }

    int left() {
        return view.capacity() - used;
    }

    /** @return where so many bytes may be copied to */
    int take(int count) {
        int offset = used;
        used += count + 7 & ~7;
        return offset;
    }

    void clear() {
        used = 0;
    }
}
