package io.rocketsockets;

import java.util.List;
import java.util.Objects;

/**
 * How many connections a server admits, as data; 0 is no limit.
 *
 * @param connections open at once
 * @param perAddress open at once from one remote address
 * @param acceptRate accepted in a second, on average; a tenth of that may come at once
 * @param surplus what becomes of those beyond it
 */
public record ConnectionLimits(int connections, int perAddress, int acceptRate, Surplus surplus) {
    /** No limit but the system's. */
    public static final ConnectionLimits NONE = new ConnectionLimits(0, 0, 0, Surplus.WAIT);

    /** What becomes of connections beyond a limit. */
    public enum Surplus {
        /**
         * They wait in the backlog, as in HAProxy and nginx, until one of the others has closed; so do those that the system
         * has no descriptor for. Not those beyond {@code perAddress}, which would hold up other addresses: they are refused.
         */
        WAIT,
        /** They are reset at once, and so are those that the system has no descriptor for. */
        REFUSE
    }

    public ConnectionLimits {
        Objects.requireNonNull(surplus, "surplus");
    }

    void check(List<String> errors) {
        notNegative("maxConnections", connections, errors);
        notNegative("maxConnectionsPerAddress", perAddress, errors);
        notNegative("acceptRate", acceptRate, errors);
    }

    static void notNegative(String option, int value, List<String> errors) {
        if (value < 0) {
            errors.add(option + "=" + value + " < 0; pass a limit, or 0 for none");
        }
    }
}
