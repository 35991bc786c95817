package io.rocketsockets;

import java.io.Serial;

/** A server could not start; the message names the endpoint, its address and the cause. Nothing was left open. */
public final class ServerStartException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    ServerStartException(String message) {
        super(message);
    }

    ServerStartException(String message, Throwable cause) {
        super(message, cause);
    }
}
