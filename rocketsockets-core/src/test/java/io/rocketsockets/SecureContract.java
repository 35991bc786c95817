package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.tls.TlsConfigurator;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** What the contracts of TLS share: an authority, servers with a certificate of it, and clients that trust it. */
abstract class SecureContract extends EngineContract {
    static final String TLS12 = "TLSv1.2";
    static final String TLS13 = "TLSv1.3";

    static Identity authority;
    static Identity own;

    /** Of clients that trust the authority. */
    static SSLContext trusting;

    @TempDir
    Path folder;

    @BeforeAll
    static void makeCertificates() throws Exception {
        authority = Certificates.authority("test authority");
        own = authority.issue("server.test");
        trusting = Certificates.context(authority, null);
    }

    // ---- Servers and clients ----

    TestServer secure(SocketSessionFactory application) throws Exception {
        return secure(tls -> {}, application);
    }

    TestServer secure(Consumer<TlsConfigurator> options, SocketSessionFactory application) throws Exception {
        return secure(options, e -> {}, application);
    }

    TestServer secure(
            Consumer<TlsConfigurator> options,
            Consumer<EndpointConfigurator> endpoint,
            SocketSessionFactory application)
            throws Exception {
        String certificate = own.write(folder.resolve("own.pem")).toString();
        return server(x -> {}, e -> endpoint.accept(e.secureSockets(tls -> options.accept(tls.certFrom(certificate)))))
                .start(application);
    }

    static UnaryOperator<SSLParameters> only(String protocol) {
        return parameters -> {
            parameters.setProtocols(new String[] {protocol});
            return parameters;
        };
    }

    static Client connect(TestServer server, String protocol) throws Exception {
        return server.connect().secure(trusting, only(protocol));
    }

    /** One that decides what is on the wire, before its handshake. */
    static TlsPeer peer(Client wire, String protocol) {
        SSLEngine engine = trusting.createSSLEngine();
        engine.setEnabledProtocols(new String[] {protocol});
        return new TlsPeer(wire, engine);
    }

    static void awaitCounted(TestServer server, CloseReason reason, long count) {
        await().untilAsserted(() -> assertThat(server.server.stats().closed()).containsEntry(reason, count));
    }

    static <T> T unchecked(Callable<T> task) {
        try {
            return task.call();
        } catch (Exception failure) {
            throw new AssertionError(failure);
        }
    }
}
