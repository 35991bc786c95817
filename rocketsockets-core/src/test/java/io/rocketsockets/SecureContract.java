package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.tls.TlsConfigurator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.X509ExtendedKeyManager;
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

    TestServer secure(SocketSessionFactory application) {
        return secure(tls -> {}, application);
    }

    TestServer secure(Consumer<TlsConfigurator> options, SocketSessionFactory application) {
        return server(x -> {}, secured(options)).start(application);
    }

    /** An endpoint with the certificate {@link #own}. */
    Consumer<EndpointConfigurator> secured() {
        return secured(tls -> {});
    }

    Consumer<EndpointConfigurator> secured(Consumer<TlsConfigurator> options) {
        return e -> e.secureSockets(tls -> options.accept(tls.certFrom(file("own", own))));
    }

    /** Where that is written; an older file of the name is replaced at once. */
    String file(String name, Identity identity) {
        return unchecked(() -> identity.write(folder.resolve(name + ".pem"))).toString();
    }

    String authorityFile() {
        return unchecked(() -> Files.writeString(folder.resolve("authority.pem"), authority.chainPem()))
                .toString();
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

    /** A record whose seal is broken. */
    static byte[] forged(TlsPeer peer) throws IOException {
        byte[] forged = peer.seal("forged".getBytes(US_ASCII));
        forged[forged.length - 1] ^= 1;
        return forged;
    }

    static byte[] concat(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    /** The message of a hello, in records of that size. */
    static byte[] recut(byte[] record, int size) {
        ByteArrayOutputStream records = new ByteArrayOutputStream();
        for (int at = 5; at < record.length; at += size) {
            int length = Math.min(size, record.length - at);
            records.writeBytes(new byte[] {22, 3, 1, (byte) (length >> 8), (byte) length});
            records.write(record, at, length);
        }
        return records.toByteArray();
    }

    /** The only record of an answer in the clear: a fatal alert. */
    static int alert(Client wire) throws IOException {
        byte[] answer = wire.receiveAllBytes();
        assertThat(answer).hasSize(7).startsWith(21, 3, 3, 0, 2, 2);
        return answer[6];
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

    /** One key, for either side. */
    static class Always extends X509ExtendedKeyManager {
        private final Identity identity;

        Always(Identity identity) {
            this.identity = identity;
        }

        @Override
        public String[] getClientAliases(String type, Principal[] issuers) {
            return new String[] {"key"};
        }

        @Override
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
            return "key";
        }

        @Override
        public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
            return "key";
        }

        @Override
        public String[] getServerAliases(String type, Principal[] issuers) {
            return new String[] {"key"};
        }

        @Override
        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
            return "key";
        }

        @Override
        public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
            return type.equals("EC") ? "key" : null;
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return identity.chain().toArray(X509Certificate[]::new);
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return identity.key();
        }
    }
}
