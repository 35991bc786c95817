package io.rocketsockets;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * An endless stream of bytes that follows from its seed: records of a sequence number, random bytes and their CRC32C. One
 * end makes it, the other makes it again and compares each byte. One thread at a time.
 */
final class SoakStream {
    private static final int RECORD_BYTES = 32;
    private static final int CRC_AT = RECORD_BYTES - Integer.BYTES;

    private final long seed;
    private final ByteBuffer record = ByteBuffer.allocate(RECORD_BYTES);
    private final byte[] seen = new byte[RECORD_BYTES];
    private final CRC32C crc = new CRC32C();
    private long position;

    SoakStream(long seed) {
        this.seed = seed;
    }

    /** How many bytes have been made, or compared. */
    long position() {
        return position;
    }

    /** The next bytes. */
    byte[] next(int count) {
        byte[] bytes = new byte[count];
        for (int done = 0; done < count; ) {
            int offset = offset();
            int n = Math.min(RECORD_BYTES - offset, count - done);
            record.get(offset, bytes, done, n);
            position += n;
            done += n;
        }
        return bytes;
    }

    /** Throws unless these are the next bytes; leaves the buffer as it is. */
    void check(ByteBuffer bytes) {
        ByteBuffer rest = bytes.duplicate();
        while (rest.hasRemaining()) {
            int offset = offset();
            int n = Math.min(RECORD_BYTES - offset, rest.remaining());
            rest.get(seen, 0, n);
            int wrong = Arrays.mismatch(record.array(), offset, offset + n, seen, 0, n);
            if (wrong >= 0) {
                throw new AssertionError("a wrong byte: position=" + (position + wrong) + " record="
                        + position / RECORD_BYTES + " came=" + Arrays.toString(Arrays.copyOf(seen, n)) + " due="
                        + Arrays.toString(record.array()) + " from " + offset);
            }
            position += n;
        }
    }

    /** Where in its record the next byte is; the record is made when it is the first. */
    private int offset() {
        int offset = (int) (position % RECORD_BYTES);
        if (offset == 0) {
            long sequence = position / RECORD_BYTES;
            record.putLong(0, sequence);
            for (int at = Long.BYTES; at < CRC_AT; at += Integer.BYTES) {
                record.putInt(at, (int) mix(seed + RECORD_BYTES * sequence + at));
            }
            crc.reset();
            crc.update(record.array(), 0, CRC_AT);
            record.putInt(CRC_AT, (int) crc.getValue());
        }
        return offset;
    }

    /** The finalizer of SplitMix64. */
    static long mix(long value) {
        long z = value * 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
