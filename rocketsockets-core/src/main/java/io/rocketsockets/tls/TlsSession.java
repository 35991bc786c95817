package io.rocketsockets.tls;

import java.security.cert.Certificate;
import java.util.List;

/**
 * What was agreed with a peer.
 *
 * @param protocol {@code TLSv1.2} or {@code TLSv1.3}
 * @param cipherSuite by its IANA name
 * @param serverName that the peer asked for (SNI), in lower case; empty for none
 * @param applicationProtocol that was chosen (ALPN); empty for none
 * @param peerCertificates verified, the peer's own first; empty when it showed none
 */
public record TlsSession(
        String protocol,
        String cipherSuite,
        String serverName,
        String applicationProtocol,
        List<Certificate> peerCertificates) {
    public TlsSession {
        peerCertificates = List.copyOf(peerCertificates);
    }
}
