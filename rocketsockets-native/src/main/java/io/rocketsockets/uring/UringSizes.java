package io.rocketsockets.uring;

import io.rocketsockets.linux.IoUring;
import io.rocketsockets.linux.Libc;

/**
 * How large the parts of an engine are.
 *
 * @param submissions places of the queue of submissions; a turn that needs more makes one more system call
 * @param completions places of the queue of completions; the kernel keeps what has none
 * @param descriptors places of the table of direct descriptors: the connections of one loop
 * @param receiveBuffers how many; a power of two
 * @param receiveBytes of each: the most that one read delivers
 * @param sendBytes copies of what is sent in one turn; a turn that needs more makes one more system call
 */
record UringSizes(
        int submissions, int completions, int descriptors, int receiveBuffers, int receiveBytes, int sendBytes) {
    /** Overrides the number of connections of one loop. */
    static final String DESCRIPTORS_PROPERTY = "rocketsockets.io_uring.connectionsPerLoop";

    private static final int SUBMISSIONS = 1024;
    private static final int COMPLETIONS = 4096;

    /** 8 bytes each, so that a loop takes 2 MiB of the kernel at most; the kernel allows no more than open files. */
    private static final int DESCRIPTORS = 1 << 18;

    /** A reader that falls behind costs the others no buffer space within a turn, and the cache can hold most of it. */
    private static final int RECEIVE_MEMORY_BYTES = 1 << 20;

    /** A read is not larger, whatever is asked for: more in one piece saves nothing that could be measured. */
    private static final int MOST_RECEIVE_BYTES = 1 << 18;

    private static final int FEWEST_RECEIVE_BUFFERS = 4;
    private static final int MOST_RECEIVE_BUFFERS = 1024;
    private static final int SEND_BYTES = 1 << 18;

    static UringSizes of(int readBufferBytes, Libc libc) {
        int receiveBytes = Math.min(readBufferBytes, MOST_RECEIVE_BYTES);
        int buffers = Math.clamp(RECEIVE_MEMORY_BYTES / receiveBytes, FEWEST_RECEIVE_BUFFERS, MOST_RECEIVE_BUFFERS);
        int openFiles = (int) Math.min(libc.mostOpenFiles(), IoUring.MOST_FIXED_FILES);
        int descriptors = Math.min(Integer.getInteger(DESCRIPTORS_PROPERTY, DESCRIPTORS), openFiles);
        return new UringSizes(
                SUBMISSIONS,
                COMPLETIONS,
                Math.max(1, descriptors),
                Integer.highestOneBit(buffers),
                receiveBytes,
                SEND_BYTES);
    }

    int receiveMemory() {
        return receiveBuffers * receiveBytes;
    }
}
