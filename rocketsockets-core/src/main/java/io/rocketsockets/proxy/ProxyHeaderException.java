package io.rocketsockets.proxy;

import java.io.IOException;
import java.io.Serial;

/** Bytes that are no PROXY header; the message says why. */
final class ProxyHeaderException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    ProxyHeaderException(String message) {
        super(message);
    }
}
