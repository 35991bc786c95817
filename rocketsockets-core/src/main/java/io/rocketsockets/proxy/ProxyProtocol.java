package io.rocketsockets.proxy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Whether an endpoint expects the PROXY protocol, and from whom, as data.
 *
 * <p>Only peers within {@code trusted} are believed, since a header says whatever its sender likes; a peer on a Unix socket is
 * trusted by the permissions of the file. Nobody is trusted unless he is named.
 *
 * @param mode what is expected
 * @param trusted addresses and networks of the proxies, such as {@code 10.0.0.0/8} or {@code ::1}
 * @param headerTimeout how long a header may take to come, by default 5 s; the specification wants at least 3 s, in which a
 *     lost segment is sent again
 */
public record ProxyProtocol(Mode mode, List<String> trusted, Duration headerTimeout) {
    private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(5);

    /** No header is expected; what looks like one is the application's. */
    public static final ProxyProtocol OFF = new ProxyProtocol(Mode.OFF, List.of(), DEFAULT_TIMEOUT);

    /** What is expected of a new connection. */
    public enum Mode {
        OFF,
        /**
         * A trusted peer may send a header before its first byte, such as a load balancer beside its own health checks;
         * others are no proxies, and their bytes are the application's from the first. Since who sends nothing may yet send a
         * header, a trusted peer has to speak first.
         */
        OPTIONAL,
        /** A trusted peer has to send a header; others are closed at once. */
        REQUIRED
    }

    public ProxyProtocol {
        Objects.requireNonNull(mode, "mode");
        trusted = List.copyOf(trusted);
        Objects.requireNonNull(headerTimeout, "headerTimeout");
    }

    /** Each of these has to send a header; nobody else is let in. */
    public static ProxyProtocol requiredFrom(String... trusted) {
        return new ProxyProtocol(Mode.REQUIRED, List.of(trusted), DEFAULT_TIMEOUT);
    }

    /** Each of these may send a header; others are let in as they are. */
    public static ProxyProtocol optionalFrom(String... trusted) {
        return new ProxyProtocol(Mode.OPTIONAL, List.of(trusted), DEFAULT_TIMEOUT);
    }

    public ProxyProtocol headerTimeout(Duration time) {
        return new ProxyProtocol(mode, trusted, time);
    }

    /** Every rule that is broken. */
    public List<String> errors() {
        List<String> errors = new ArrayList<>();
        if (mode != Mode.OFF && trusted.isEmpty()) {
            errors.add("proxyProtocol: trusted=[] lets nobody send a header; name the addresses of the proxies");
        }
        for (String range : trusted) {
            try {
                AddressRange.of(range);
            } catch (IllegalArgumentException broken) {
                errors.add("proxyProtocol: trusted=" + range + " " + broken.getMessage()
                        + "; pass an address or a network such as 10.0.0.0/8");
            }
        }
        if (headerTimeout.isNegative() || headerTimeout.isZero()) {
            errors.add("proxyProtocol: headerTimeout=" + headerTimeout + " <= 0; pass a time, 3 s or more");
        }
        return errors;
    }
}
