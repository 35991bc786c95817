package io.rocketsockets;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one loop's {@link WriteQueue}s, kept so that nothing is allocated per message: chunks that gather small
 * writes, the queues, and their nodes.
 *
 * <p><b>Threading:</b> confined to the loop.
 */
final class WriteBuffers {
    /** Chunks that may be out at once; enough to gather for hundreds of sockets in one turn. More go to the heap. */
    private static final int CHUNK_MEMORY_BYTES = 1024 * 1024;

    /** Queues kept, and nodes of them; a bound so that one burst does not hold memory for ever. */
    private static final int NODES = 4096;

    /** A blocked socket that is written to byte by byte must not cost a buffer a byte. */
    private static final int SMALLEST_KEPT_BYTES = 512;

    /** Buffers of one gathered write. */
    private static final int GATHERED = 64;

    /** Bytes to send, position to limit; the buffer is of this pool, of the application, or a copy on the heap. */
    static final class Segment {
        final ByteBuffer bytes;

        /** Whether more may be appended. */
        private final boolean isOurs;

        /** Whether it goes back to the pool. */
        final boolean isChunk;

        /** Whether it may be the loop's receive buffer, which is overwritten once the callback has returned. */
        boolean isBorrowed;

        @Nullable
        Segment next;

        /** Refers to memory of the application, or of the engine's receive buffer. */
        Segment(ByteBuffer bytes) {
            this(bytes, false, false);
        }

        private Segment(ByteBuffer bytes, boolean isOurs, boolean isChunk) {
            this.bytes = bytes;
            this.isOurs = isOurs;
            this.isChunk = isChunk;
        }

        boolean hasRoom(int count) {
            return isOurs && bytes.capacity() - bytes.limit() >= count;
        }

        void add(ByteBuffer source, int count) {
            int end = bytes.limit();
            bytes.limit(end + count);
            bytes.put(end, source, source.position(), count);
        }
    }

    /** The buffers of the write that is being handed to the engine. */
    final ByteBuffer[] gathered = new ByteBuffer[GATHERED];

    private final int chunkBytes;
    private int chunksLeft;

    @Nullable
    private Segment freeChunks;

    @Nullable
    private Completion freeCompletions;

    private int freeCompletionCount;

    @Nullable
    private WriteQueue freeQueues;

    private int freeQueueCount;

    WriteBuffers(int chunkBytes) {
        this.chunkBytes = chunkBytes;
        this.chunksLeft = Math.max(1, CHUNK_MEMORY_BYTES / chunkBytes);
    }

    /** What is left of a segment, on the heap, with some room for more: small writes to a blocked socket gather there. */
    Segment kept(Segment segment) {
        int count = segment.bytes.remaining();
        ByteBuffer copy = ByteBuffer.allocate(Math.max(count, SMALLEST_KEPT_BYTES));
        copy.put(segment.bytes).flip();
        return new Segment(copy, true, false);
    }

    /** An empty segment with room for so many bytes, if possible for more. */
    Segment segment(int count) {
        Segment chunk = count <= chunkBytes ? takeChunk() : null;
        return chunk != null ? chunk : new Segment(ByteBuffer.allocate(count).limit(0), true, false);
    }

    @Nullable
    private Segment takeChunk() {
        Segment chunk = freeChunks;
        if (chunk != null) {
            freeChunks = chunk.next;
            chunk.next = null;
        } else if (chunksLeft > 0) {
            chunk = newChunk();
        }
        return chunk;
    }

    @Nullable
    private Segment newChunk() {
        try {
            ByteBuffer memory = ByteBuffer.allocateDirect(chunkBytes);
            chunksLeft--;
            return new Segment(memory.limit(0), true, true);
        } catch (OutOfMemoryError noDirectMemory) {
            chunksLeft = 0; // to ask again would cost a collection and half a second each time: the JDK waits for some
            return null;
        }
    }

    void release(Segment segment) {
        if (segment.isChunk) {
            segment.bytes.clear().limit(0);
            segment.next = freeChunks;
            freeChunks = segment;
        }
    }

    WriteQueue queue() {
        WriteQueue queue = freeQueues;
        if (queue == null) {
            return new WriteQueue();
        }
        freeQueues = queue.next;
        freeQueueCount--;
        queue.next = null;
        return queue;
    }

    /** @param queue which is done: its offsets go on counting, nobody compares them with those of before */
    void release(WriteQueue queue) {
        if (queue.isDone() && freeQueueCount < NODES) {
            queue.next = freeQueues;
            freeQueues = queue;
            freeQueueCount++;
        }
    }

    Completion completion() {
        Completion completion = freeCompletions;
        if (completion == null) {
            return new Completion();
        }
        freeCompletions = completion.next;
        freeCompletionCount--;
        completion.next = null;
        return completion;
    }

    void release(Completion completion) {
        if (freeCompletionCount < NODES) {
            completion.clear();
            completion.next = freeCompletions;
            freeCompletions = completion;
            freeCompletionCount++;
        }
    }
}
