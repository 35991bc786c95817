package io.rocketsockets.daemon;

import io.rocketsockets.ServerConfigurationException;
import io.rocketsockets.ServerStartException;
import java.net.BindException;

/** How the process ends when no signal ended it: the statuses of {@code sysexits.h}. */
enum ExitStatus {
    OK(0, "done"),
    USAGE(64, "the command line was not understood"),
    UNAVAILABLE(69, "an endpoint cannot be bound, a service not be installed, or it does not run"),
    SOFTWARE(70, "anything else that went wrong"),
    CONFIG(78, "the configuration breaks a rule");

    private final int code;
    private final String meaning;

    ExitStatus(int code, String meaning) {
        this.code = code;
        this.meaning = meaning;
    }

    int code() {
        return code;
    }

    String meaning() {
        return meaning;
    }

    static ExitStatus of(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ServerStartException || cause instanceof BindException) {
                return UNAVAILABLE;
            }
            if (cause instanceof ServerConfigurationException) {
                return CONFIG;
            }
        }
        return SOFTWARE;
    }
}
