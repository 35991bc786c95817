package io.rocketsockets;

import java.io.Serial;

/** A peer sent a message that is longer than its {@link Frames} allow. */
public final class FrameTooLargeException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    FrameTooLargeException(String message) {
        super(message);
    }
}
