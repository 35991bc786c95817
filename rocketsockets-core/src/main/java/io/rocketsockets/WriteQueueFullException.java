package io.rocketsockets;

import java.io.IOException;
import java.io.Serial;

/** A write failed because the peer does not read and the queue of its socket is at its limit. */
public final class WriteQueueFullException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    WriteQueueFullException(String message) {
        super(message);
    }
}
