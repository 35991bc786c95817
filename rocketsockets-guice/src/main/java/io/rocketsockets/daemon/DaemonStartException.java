package io.rocketsockets.daemon;

import java.io.Serial;

/** A service could not start; those before it are stopped. */
final class DaemonStartException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    DaemonStartException(String message, Throwable cause) {
        super(message, cause);
    }
}
