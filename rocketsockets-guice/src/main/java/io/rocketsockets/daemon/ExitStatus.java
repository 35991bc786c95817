package io.rocketsockets.daemon;

import io.rocketsockets.ServerConfigurationException;
import io.rocketsockets.ServerStartException;

/** How the process ends when no signal ended it: the statuses of {@code sysexits.h}. */
enum ExitStatus {
    OK(0),
    /** The command line was not understood. */
    USAGE(64),
    /** An endpoint cannot be bound. */
    UNAVAILABLE(69),
    /** Anything else that a service or the wiring threw. */
    SOFTWARE(70),
    /** The configuration breaks a rule. */
    CONFIG(78);

    private final int code;

    ExitStatus(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }

    static ExitStatus of(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ServerStartException) {
                return UNAVAILABLE;
            }
            if (cause instanceof ServerConfigurationException) {
                return CONFIG;
            }
        }
        return SOFTWARE;
    }
}
