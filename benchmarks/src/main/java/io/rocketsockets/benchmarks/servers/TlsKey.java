package io.rocketsockets.benchmarks.servers;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The key and certificate of every server that speaks TLS, which the clients trust: a PKCS#12 file of the driver's. */
public final class TlsKey {
    /** Names the file to a server. */
    public static final String PROPERTY = "tls.key";

    public static final String PASSWORD = "benchmark";

    private TlsKey() {}

    static Path path() {
        return Path.of(System.getProperty(PROPERTY));
    }

    static KeyManagerFactory keyManagers(Path file) throws GeneralSecurityException, IOException {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(read(file), PASSWORD.toCharArray());
        return keys;
    }

    /** Of a server, and of a client that trusts it. */
    public static SSLContext context(Path file) throws GeneralSecurityException, IOException {
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(read(file));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keyManagers(file).getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static KeyStore read(Path file) throws GeneralSecurityException, IOException {
        return KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
    }
}
