package io.rocketsockets;

import io.rocketsockets.Certificates.Identity;
import java.io.IOException;
import javax.net.ssl.SSLContext;

/** The mode in which the endpoints of a contract speak TLS, and their clients one version of it. */
interface OverTls extends EngineUnderTest {
    /** Those of all tests, since keys take a while to make. */
    record Contexts(SSLContext ofServers, SSLContext ofClients) {
        static final Contexts SHARED = make();

        private static Contexts make() {
            return SecureContract.unchecked(() -> {
                Identity authority = Certificates.authority("authority of all tests");
                return new Contexts(
                        Certificates.context(authority, authority.issue("server.test")),
                        Certificates.context(authority, null));
            });
        }
    }

    @Override
    default void configure(EndpointConfigurator endpoint) {
        endpoint.secureSockets(tls -> tls.context(Contexts.SHARED.ofServers));
    }

    @Override
    default Client speaking(Client connected) throws IOException {
        return connected.secure(Contexts.SHARED.ofClients, SecureContract.only(tlsVersion()));
    }
}
