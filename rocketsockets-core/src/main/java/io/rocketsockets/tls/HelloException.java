package io.rocketsockets.tls;

import java.io.IOException;
import java.io.Serial;

/** What came is no hello that a handshake could begin with. */
final class HelloException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    // RFC 8446, 6
    static final int UNEXPECTED_MESSAGE = 10;
    static final int RECORD_OVERFLOW = 22;
    static final int DECODE_ERROR = 50;
    static final int UNRECOGNIZED_NAME = 112;

    /** For who does not speak TLS, and would not understand one. */
    static final int NO_ALERT = -1;

    private final int alert;

    HelloException(int alert, String message) {
        super(message);
        this.alert = alert;
    }

    int alert() {
        return alert;
    }
}
