package io.rocketsockets.tls;

import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What came and was not decrypted: the beginning of a record, or whole ones that nobody has asked for. In memory of its own
 * size, which grows with the bytes that come, not with the length that a record claims.
 */
final class HeldRecords {
    static final int HEADER = 5;

    /** RFC 5246, 6.2.3: a record with its header; TLS 1.3 allows less, which the engine knows. */
    static final int LONGEST = HEADER + 16 * 1024 + 2048;

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    /** From 0 to its position; null for nothing. */
    private @Nullable ByteBuffer held;

    boolean isEmpty() {
        return held == null;
    }

    int size() {
        return held == null ? 0 : held.position();
    }

    /** The length of a record with its header, which has to be there. */
    static int length(ByteBuffer bytes, int start) {
        return HEADER + (bytes.getShort(start + HEADER - 2) & 0xffff);
    }

    boolean hasRecord() {
        ByteBuffer bytes = held;
        return bytes != null && bytes.position() >= HEADER && bytes.position() >= length(bytes, 0);
    }

    void add(ByteBuffer bytes) {
        ByteBuffer before = held;
        int count = bytes.remaining();
        if (before == null) {
            if (count > 0) {
                held = ByteBuffer.allocate(count).put(bytes);
            }
        } else if (before.remaining() >= count) {
            before.put(bytes);
        } else {
            int capacity = Math.max(before.position() + count, 2 * before.capacity());
            held = ByteBuffer.allocate(capacity).put(before.flip()).put(bytes);
        }
    }

    /**
     * Adds to a record that has begun as long as it is not complete, so that crumbs of it cost no more than their bytes.
     *
     * @return whether it is complete with what is left of the bytes, or too long to wait for
     */
    boolean completes(ByteBuffer bytes) {
        int missing = HEADER - Objects.requireNonNull(held).position();
        if (missing > 0) {
            int count = Math.min(missing, bytes.remaining());
            add(bytes.slice(bytes.position(), count));
            bytes.position(bytes.position() + count);
        }
        ByteBuffer now = Objects.requireNonNull(held);
        if (now.position() < HEADER) {
            return false;
        }
        int whole = length(now, 0);
        if (now.position() + bytes.remaining() < whole && whole <= LONGEST) {
            add(bytes);
            return false;
        }
        return true;
    }

    /** All of it; nothing is held then. */
    ByteBuffer take() {
        ByteBuffer bytes = held;
        held = null;
        return bytes == null ? NOTHING : bytes.flip();
    }

    void clear() {
        held = null;
    }
}
