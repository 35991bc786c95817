package io.rocketsockets;

import java.io.IOException;
import java.io.Serial;

/** A write failed because its socket had closed, or its output was shut down, before the kernel took every byte. */
public final class SocketClosedException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    SocketClosedException(String message) {
        super(message);
    }
}
