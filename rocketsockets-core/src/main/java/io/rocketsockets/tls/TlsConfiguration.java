package io.rocketsockets.tls;

import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * How an endpoint speaks TLS, as data. Written with a {@link TlsConfigurator}.
 *
 * @param identity served to peers that ask for no name, or for one of its own
 * @param names others, by the name that peers ask for; {@code *.example.com} stands for one label
 * @param refusesUnknownNames whether peers that ask for none of these names are refused, rather than served {@code identity}
 * @param applicationProtocols in the order of preference; empty for no ALPN
 * @param protocols {@code TLSv1.2} and {@code TLSv1.3}
 * @param cipherSuites in the order of preference; empty for those with forward secrecy and authenticated encryption
 * @param handshakeTimeout from the first byte that may be sent until the handshake is done
 * @param maxHandshakes in progress on each loop at once
 * @param onDemand whether connections begin in plaintext, until the application asks for TLS
 */
public record TlsConfiguration(
        TlsIdentity identity,
        Map<String, TlsIdentity> names,
        boolean refusesUnknownNames,
        List<String> applicationProtocols,
        List<String> protocols,
        List<String> cipherSuites,
        Duration handshakeTimeout,
        int maxHandshakes,
        boolean onDemand) {
    private static final List<String> PROTOCOLS = List.of("TLSv1.3", "TLSv1.2");

    /** What holds where nothing else is said. */
    public static final TlsConfiguration DEFAULT = new TlsConfiguration(
            TlsIdentity.NONE, Map.of(), false, List.of(), PROTOCOLS, List.of(), Duration.ofSeconds(10), 256, false);

    public TlsConfiguration {
        Objects.requireNonNull(identity, "identity");
        names = Map.copyOf(names);
        applicationProtocols = List.copyOf(applicationProtocols);
        protocols = List.copyOf(protocols);
        cipherSuites = List.copyOf(cipherSuites);
        Objects.requireNonNull(handshakeTimeout, "handshakeTimeout");
    }

    /** With that certificate, if it is one, unless it has one of its own. */
    public TlsConfiguration withCertificate(CertificateFiles files) {
        if (!identity.isEmpty() || files.certificate().isEmpty()) {
            return this;
        }
        TlsIdentity served = new TlsIdentity(List.of(files), null, identity.clientCertificates(), identity.trusted());
        return new TlsConfiguration(
                served,
                names,
                refusesUnknownNames,
                applicationProtocols,
                protocols,
                cipherSuites,
                handshakeTimeout,
                maxHandshakes,
                onDemand);
    }

    /** Every rule that is broken. */
    public List<String> errors() {
        List<String> errors = new ArrayList<>();
        if (identity.isEmpty()) {
            errors.add("secureSockets without a certificate; call secureWithCertFrom(path), or certFrom(path) on it");
        }
        identity.errors().forEach(error -> errors.add("secureSockets " + error));
        names.forEach((name, named) -> {
            if (ServerNames.normal(name.startsWith("*.") ? name.substring(2) : name)
                    .isEmpty()) {
                errors.add("secureSockets name=" + name + " is no host name; pass one such as a.example or *.example");
            }
            if (named.isEmpty()) {
                errors.add("secureSockets name=" + name + " without a certificate; call certFrom(path) on it");
            }
            named.errors().forEach(error -> errors.add("secureSockets name=" + name + " " + error));
        });
        if (protocols.isEmpty() || !PROTOCOLS.containsAll(protocols)) {
            errors.add("secureSockets protocols=" + protocols + " is not some of " + PROTOCOLS
                    + "; older ones are broken");
        }
        for (String protocol : applicationProtocols) {
            if (protocol.isEmpty() || protocol.length() > 255) {
                errors.add("secureSockets applicationProtocols: " + protocol + " is not 1 to 255 characters long");
            }
        }
        if (handshakeTimeout.isNegative() || handshakeTimeout.isZero()) {
            errors.add("secureSockets handshakeTimeout=" + handshakeTimeout + " <= 0; pass a time");
        }
        if (maxHandshakes < 1) {
            errors.add("secureSockets maxHandshakes=" + maxHandshakes + " < 1; pass at least 1");
        }
        return errors;
    }
}
