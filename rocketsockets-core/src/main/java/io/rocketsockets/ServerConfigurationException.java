package io.rocketsockets;

import java.io.Serial;
import java.util.List;

/** Every error of a configuration at once, each with the value, the rule it breaks and the remedy. */
public final class ServerConfigurationException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String[] errors;

    ServerConfigurationException(List<String> errors) {
        super("the server cannot be configured (" + errors.size() + (errors.size() == 1 ? " error" : " errors")
                + "):\n  " + String.join("\n  ", errors));
        this.errors = errors.toArray(String[]::new);
    }

    /** The errors, one line each: those from outside, of the endpoints in their order, then of the server. */
    public List<String> errors() {
        return List.of(errors);
    }
}
