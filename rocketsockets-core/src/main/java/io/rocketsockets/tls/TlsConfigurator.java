package io.rocketsockets.tls;

import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** Collects how an endpoint speaks TLS; the last call wins, each returns this. Not for use after the lambda. */
public final class TlsConfigurator {
    private final Name identity = new Name();
    private final Map<String, TlsIdentity> names = new LinkedHashMap<>();
    private boolean refusesUnknownNames;
    private List<String> applicationProtocols = List.of();
    private List<String> protocols = TlsConfiguration.DEFAULT.protocols();
    private List<String> cipherSuites = List.of();
    private Duration handshakeTimeout = TlsConfiguration.DEFAULT.handshakeTimeout();
    private int maxHandshakes = TlsConfiguration.DEFAULT.maxHandshakes();
    private boolean onDemand;

    public TlsConfigurator() {}

    /** The options of one name that peers may ask for. */
    public static final class Name {
        private final List<CertificateFiles> certificates = new ArrayList<>();
        private String keyStorePassword = "";
        private @Nullable SSLContext context;
        private ClientCertificates clientCertificates = ClientCertificates.NONE;
        private String trusted = "";

        private Name() {}

        /** As {@link TlsConfigurator#certFrom(String)}. */
        public Name certFrom(String path) {
            return certFrom(path, "", "");
        }

        /** As {@link TlsConfigurator#certFrom(String, String)}. */
        public Name certFrom(String chain, String key) {
            return certFrom(chain, key, "");
        }

        /** As {@link TlsConfigurator#keyStore(String, String)}. */
        public Name keyStore(String path, String password) {
            return certFrom(path, "", password);
        }

        private Name certFrom(String certificate, String key, String password) {
            certificates.add(new CertificateFiles(certificate, key, password));
            return this;
        }

        /** As {@link TlsConfigurator#context(SSLContext)}. */
        public Name context(SSLContext context) {
            this.context = Objects.requireNonNull(context, "context");
            return this;
        }

        /** As {@link TlsConfigurator#clientCertificates(ClientCertificates, String)}. */
        public Name clientCertificates(ClientCertificates mode, String trusted) {
            clientCertificates = Objects.requireNonNull(mode, "mode");
            this.trusted = String.valueOf(trusted);
            return this;
        }

        private TlsIdentity freeze() {
            List<CertificateFiles> files = certificates.stream()
                    .map(each -> each.password().isEmpty() ? each.withPassword(keyStorePassword) : each)
                    .toList();
            return new TlsIdentity(files, context, clientCertificates, trusted);
        }
    }

    /**
     * A file with a certificate chain and its key: PEM with a PKCS#8 key, or PKCS#12 or JKS, see {@link #keyStorePassword}. Called
     * again, it adds one of another kind, such as RSA beside EC. The file is read when the server starts, and again when it changes.
     */
    public TlsConfigurator certFrom(String path) {
        identity.certFrom(path);
        return this;
    }

    /** As {@link #certFrom(String)}, with the key in a PEM file of its own. */
    public TlsConfigurator certFrom(String chain, String key) {
        identity.certFrom(chain, key);
        return this;
    }

    /** As {@link #certFrom(String)}, for a PKCS#12 or JKS file with a password. */
    public TlsConfigurator keyStore(String path, String password) {
        identity.keyStore(path, password);
        return this;
    }

    /** The password of PKCS#12 and JKS files that were named without one. */
    public TlsConfigurator keyStorePassword(String password) {
        identity.keyStorePassword = Objects.requireNonNull(password, "password");
        return this;
    }

    /** Forgets the certificates named so far, and the context: for others that come from outside the program. */
    public TlsConfigurator withoutCertificates() {
        identity.certificates.clear();
        identity.context = null;
        return this;
    }

    /** Certificates, keys and trust of the application's, instead of files. */
    public TlsConfigurator context(SSLContext context) {
        identity.context(context);
        return this;
    }

    /**
     * Whether peers show a certificate, signed by one of the authorities in a PEM file; by default they are not asked. Where
     * that file also has revocation lists (X509 CRL), one that is valid is needed of each authority that has signed.
     */
    public TlsConfigurator clientCertificates(ClientCertificates mode, String trusted) {
        identity.clientCertificates(mode, trusted);
        return this;
    }

    /** Certificates and rules of one name that peers ask for (SNI); {@code *.example.com} stands for one label. */
    public TlsConfigurator name(String name, Consumer<? super Name> options) {
        Name named = new Name();
        options.accept(named);
        names.put(String.valueOf(name), named.freeze());
        return this;
    }

    /**
     * Refuses peers that ask for no name, or for one that is neither configured nor in the default certificate; otherwise they
     * are served that certificate.
     */
    public TlsConfigurator refuseUnknownNames() {
        refusesUnknownNames = true;
        return this;
    }

    /** What is spoken over TLS, in the order of preference (ALPN); a peer that offers only others is refused. */
    public TlsConfigurator applicationProtocols(String... protocols) {
        applicationProtocols = List.of(protocols);
        return this;
    }

    /** {@code TLSv1.3} and {@code TLSv1.2}, the default, or one of them. */
    public TlsConfigurator protocols(String... protocols) {
        this.protocols = List.of(protocols);
        return this;
    }

    /** By their IANA names, in the order of preference; by default those with forward secrecy and authenticated encryption. */
    public TlsConfigurator cipherSuites(String... suites) {
        cipherSuites = List.of(suites);
        return this;
    }

    /** How long a handshake may take, by default 10 s, as in Netty. */
    public TlsConfigurator handshakeTimeout(Duration time) {
        handshakeTimeout = time;
        return this;
    }

    /**
     * How many handshakes are in progress on a loop at once, by default 256, since each holds memory. Beyond it one that has
     * waited for its peer for a second gives way; where there is none the next wait, unread, the youngest first.
     */
    public TlsConfigurator maxHandshakes(int handshakes) {
        maxHandshakes = handshakes;
        return this;
    }

    /** Connections begin in plaintext, until the application calls {@code startTls()} on their handle (STARTTLS). */
    public TlsConfigurator onDemand() {
        onDemand = true;
        return this;
    }

    public TlsConfiguration freeze() {
        return new TlsConfiguration(
                identity.freeze(),
                names,
                refusesUnknownNames,
                applicationProtocols,
                protocols,
                cipherSuites,
                handshakeTimeout,
                maxHandshakes,
                onDemand);
    }
}
