package io.rocketsockets.tls;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What was decrypted and is more than one delivery may be: of the record that went beyond it, which cannot be decrypted in
 * part. In memory of its own size, so that it moves with its connection.
 */
final class Surplus {
    private final int longestDelivery;

    /** From position to limit; null for nothing. */
    private @Nullable ByteBuffer rest;

    Surplus(int longestDelivery) {
        this.longestDelivery = longestDelivery;
    }

    boolean isEmpty() {
        return rest == null;
    }

    int size() {
        return rest == null ? 0 : rest.remaining();
    }

    boolean fills(ByteBuffer delivery) {
        return delivery.position() >= longestDelivery;
    }

    /** Begins an empty delivery. */
    void addTo(ByteBuffer delivery) {
        ByteBuffer bytes = rest;
        if (bytes != null) {
            int count = Math.min(bytes.remaining(), longestDelivery);
            delivery.put(bytes.slice(bytes.position(), count));
            bytes.position(bytes.position() + count);
            if (!bytes.hasRemaining()) {
                rest = null;
            }
        }
    }

    /** Takes what is too much; then there was nothing left of before. */
    void takeFrom(ByteBuffer delivery) {
        int count = delivery.position() - longestDelivery;
        if (count > 0) {
            rest = ByteBuffer.allocate(count)
                    .put(delivery.slice(longestDelivery, count))
                    .flip();
            delivery.position(longestDelivery);
        }
    }

    void clear() {
        rest = null;
    }
}
