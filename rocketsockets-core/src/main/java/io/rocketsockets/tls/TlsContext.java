package io.rocketsockets.tls;

import io.rocketsockets.tls.CertificateReader.Chain;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.io.IOException;
import java.security.AlgorithmConstraints;
import java.security.AlgorithmParameters;
import java.security.CryptoPrimitive;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.CRL;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A {@link TlsIdentity} with its files read; immutable. Sessions are resumed within one context only, so neither under a name
 * of another nor with a certificate that was replaced.
 */
final class TlsContext {
    private static final char[] NO_PASSWORD = {};

    /** More than any turn has time for. */
    private static final long UNKNOWN = 1_000_000_000;

    /**
     * Beyond what the JDK forbids. Before version 25 it signs handshakes of TLS 1.2 with SHA-1 for who asks for nothing better.
     * And a peer chooses the group that keys are agreed on, of which the largest take ten to a hundred times as long as a usual
     * one, so that a few small hellos would keep a processor busy: what is left are the curves that Mozilla's "Server Side TLS"
     * recommends, and what future versions bring.
     */
    private static final AlgorithmConstraints OF_TODAY = new AlgorithmConstraints() {
        @Override
        public boolean permits(Set<CryptoPrimitive> uses, String algorithm, @Nullable AlgorithmParameters parameters) {
            if (uses.contains(CryptoPrimitive.SIGNATURE)) {
                return !(algorithm.startsWith("SHA1with") || algorithm.endsWith("_sha1"));
            }
            return !uses.contains(CryptoPrimitive.KEY_AGREEMENT)
                    || !(algorithm.startsWith("ffdhe") || algorithm.equals("secp521r1") || algorithm.equals("x448"));
        }

        @Override
        public boolean permits(Set<CryptoPrimitive> uses, Key key) {
            return true;
        }

        @Override
        public boolean permits(
                Set<CryptoPrimitive> uses, String algorithm, Key key, @Nullable AlgorithmParameters parameters) {
            return permits(uses, algorithm, parameters);
        }
    };

    private final SSLContext context;
    private final TlsIdentity identity;
    private final List<X509Certificate> certificates;
    private final String[] protocols;
    private final String[] suites;
    private final String[] applicationProtocols;

    /** What a computation for a handshake takes, on the average of the last few; any thread. */
    private volatile long usualNanos = UNKNOWN;

    private TlsContext(
            SSLContext context,
            TlsIdentity identity,
            List<X509Certificate> certificates,
            TlsConfiguration configuration)
            throws IOException {
        this.context = context;
        this.identity = identity;
        this.certificates = certificates;
        this.protocols = configuration.protocols().toArray(String[]::new);
        this.suites = suites(context, configuration.cipherSuites());
        this.applicationProtocols = configuration.applicationProtocols().toArray(String[]::new);
    }

    static TlsContext open(TlsIdentity identity, TlsConfiguration configuration) throws IOException {
        SSLContext given = identity.context();
        if (given != null) {
            return new TlsContext(given, identity, List.of(), configuration);
        }
        try {
            KeyStore keys = empty();
            List<X509Certificate> certificates = new ArrayList<>();
            for (CertificateFiles files : identity.certificates()) {
                Chain chain = CertificateReader.read(files);
                keys.setKeyEntry(
                        "key" + certificates.size(),
                        chain.key(),
                        NO_PASSWORD,
                        chain.certificates().toArray(X509Certificate[]::new));
                certificates.add(chain.own());
            }
            KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keyManagers.init(keys, NO_PASSWORD);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keyManagers.getKeyManagers(), trustManagers(identity), null);
            return new TlsContext(context, identity, certificates, configuration);
        } catch (GeneralSecurityException impossible) {
            throw new IOException("cannot use " + identity.certificates() + ": " + impossible.getMessage(), impossible);
        }
    }

    private static KeyStore empty() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, NO_PASSWORD);
        return store;
    }

    /** Nobody is trusted unless authorities are named. */
    private static TrustManager[] trustManagers(TlsIdentity identity) throws GeneralSecurityException, IOException {
        if (identity.trusted().isEmpty()) {
            return new TrustManager[0];
        }
        KeyStore store = empty();
        for (X509Certificate authority : CertificateReader.readAuthorities(identity.trusted())) {
            store.setCertificateEntry("authority" + store.size(), authority);
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        List<CRL> revocations = CertificateReader.readRevocations(identity.trusted());
        if (revocations.isEmpty()) {
            managers.init(store);
        } else {
            PKIXBuilderParameters rules = new PKIXBuilderParameters(store, new X509CertSelector());
            rules.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(revocations)));
            managers.init(new CertPathTrustManagerParameters(rules)); // they ask for the list of each authority
        }
        return managers.getTrustManagers();
    }

    private static String[] suites(SSLContext context, List<String> wanted) throws IOException {
        List<String> supported = List.of(context.getSupportedSSLParameters().getCipherSuites());
        if (wanted.isEmpty()) {
            return Stream.of(context.getDefaultSSLParameters().getCipherSuites())
                    .filter(TlsContext::isSafe)
                    .toArray(String[]::new);
        }
        if (!supported.containsAll(wanted)) {
            throw new IOException("cipherSuites=" + wanted + " are not all supported by this JDK; pass some of "
                    + supported.stream().filter(TlsContext::isSafe).toList());
        }
        return wanted.toArray(String[]::new);
    }

    /** Forward secrecy and authenticated encryption: all of TLS 1.3, and of 1.2 what is not older than it. */
    private static boolean isSafe(String suite) {
        boolean isOfTls13 = suite.startsWith("TLS_AES_") || suite.startsWith("TLS_CHACHA20_");
        boolean isAuthenticated = suite.contains("_GCM_") || suite.contains("_CHACHA20_POLY1305");
        return isOfTls13 || (suite.startsWith("TLS_ECDHE_") && isAuthenticated);
    }

    /** The server's own certificates; none for a context of the application. */
    Collection<X509Certificate> certificates() {
        return certificates;
    }

    /** What to expect of a computation for a handshake. */
    long usualNanos() {
        return usualNanos;
    }

    /** One has taken so long. What may wait for something, as code of the application may or what checks a peer, stays unknown. */
    void took(long nanos) {
        if (identity.context() == null && identity.clientCertificates() == ClientCertificates.NONE) {
            long before = usualNanos;
            usualNanos = before == UNKNOWN ? nanos : before + (nanos - before) / 8;
        }
    }

    SSLEngine engine() {
        SSLEngine engine = context.createSSLEngine();
        engine.setUseClientMode(false);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setProtocols(protocols);
        parameters.setCipherSuites(suites);
        parameters.setUseCipherSuitesOrder(true);
        parameters.setAlgorithmConstraints(OF_TODAY);
        parameters.setApplicationProtocols(applicationProtocols);
        switch (identity.clientCertificates()) {
            case NONE -> parameters.setWantClientAuth(false);
            case WANT -> parameters.setWantClientAuth(true);
            case NEED -> parameters.setNeedClientAuth(true);
        }
        engine.setSSLParameters(parameters);
        return engine;
    }
}
