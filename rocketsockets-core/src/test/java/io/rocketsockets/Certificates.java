package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.security.auth.x500.X500Principal;

/**
 * Makes the certificates of tests (X.509 v3, RFC 5280, in DER), so that none is kept in a file and expires, and no tool has
 * to be there.
 */
public final class Certificates {
    private static final int SEQUENCE = 0x30;
    private static final int INTEGER = 0x02;
    private static final int BITS = 0x03;
    private static final int OCTETS = 0x04;
    private static final int OBJECT = 0x06;
    private static final int TIME = 0x18;
    private static final int DNS_NAME = 0x82;

    private static final byte[] SHA256_WITH_RSA = hex("300d06092a864886f70d01010b0500");
    private static final byte[] SHA256_WITH_ECDSA = hex("300a06082a8648ce3d040302");
    private static final byte[] ED25519 = hex("300506032b6570");
    private static final byte[] BASIC_CONSTRAINTS = hex("0603551d13");
    private static final byte[] ALTERNATIVE_NAMES = hex("0603551d11");
    private static final byte[] EXTENDED_KEY_USAGE = hex("0603551d25");
    private static final byte[] CRITICAL = hex("0101ff");

    /** What a certificate is for. */
    public static final String SERVER_AUTH = "2b06010505070301";

    public static final String CLIENT_AUTH = "2b06010505070302";

    private static final AtomicLong SERIAL = new AtomicLong(1);

    private Certificates() {}

    /** A key with its certificate, and those above it. */
    public record Identity(PrivateKey key, List<X509Certificate> chain) {
        public X509Certificate certificate() {
            return chain.get(0);
        }

        /** As PEM: the chain, then the key (PKCS#8). */
        public String pem() {
            return chainPem() + keyPem();
        }

        public String chainPem() {
            StringBuilder text = new StringBuilder();
            chain.forEach(certificate -> text.append(Certificates.pem("CERTIFICATE", encoded(certificate))));
            return text.toString();
        }

        public String keyPem() {
            return Certificates.pem("PRIVATE KEY", key.getEncoded());
        }

        /** A file that takes the place of another at once, if there is one. */
        public Path write(Path file) throws IOException {
            Path written = Files.writeString(file.resolveSibling(file.getFileName() + ".new"), pem());
            return Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
        }

        public Path writeKeyStore(String type, Path file, String password) throws Exception {
            KeyStore store = keyStore(type, password);
            try (OutputStream out = Files.newOutputStream(file)) {
                store.store(out, password.toCharArray());
            }
            return file;
        }

        KeyStore keyStore(String type, String password) throws GeneralSecurityException, IOException {
            KeyStore store = KeyStore.getInstance(type);
            store.load(null, null);
            store.setKeyEntry("key", key, password.toCharArray(), chain.toArray(X509Certificate[]::new));
            return store;
        }

        /** A list, as PEM and valid for a day, of the certificates that this authority has revoked. */
        public String revocations(X509Certificate... revoked) throws Exception {
            Instant now = Instant.now();
            byte[] entries = join(Arrays.stream(revoked)
                    .map(each -> der(
                            SEQUENCE, der(INTEGER, each.getSerialNumber().toByteArray()), time(now.minusSeconds(60))))
                    .toArray(byte[][]::new));
            byte[] content = der(
                    SEQUENCE,
                    signatureAlgorithm(key),
                    certificate().getSubjectX500Principal().getEncoded(),
                    time(now.minusSeconds(3600)),
                    time(now.plusSeconds(24 * 3600)),
                    der(SEQUENCE, entries));
            return Certificates.pem("X509 CRL", signed(key, content));
        }

        /** Issues the certificate of a server that has these names. */
        public Identity issue(String... dnsNames) throws Exception {
            return new Request("CN=" + dnsNames[0], "EC").names(dnsNames).by(this);
        }
    }

    /** An authority that signed itself. */
    public static Identity authority(String name) throws Exception {
        return new Request("CN=" + name, "EC").asAuthority().by(null);
    }

    /** What a certificate is to say. */
    public static final class Request {
        private final String subject;
        private final KeyPair keys;
        private String[] names = {};
        private String usage = "";
        private Instant begin = Instant.now().minusSeconds(3600);
        private Instant end = Instant.now().plusSeconds(24 * 3600);
        private boolean isAuthority;

        public Request(String subject, KeyPair keys) {
            this.subject = subject;
            this.keys = keys;
        }

        /** @param algorithm EC, RSA or Ed25519 */
        public Request(String subject, String algorithm) throws Exception {
            this.subject = subject;
            KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
            if (algorithm.equals("EC")) {
                generator.initialize(new ECGenParameterSpec("secp256r1"));
            } else if (algorithm.equals("RSA")) {
                generator.initialize(2048);
            }
            keys = generator.generateKeyPair();
        }

        public Request names(String... dnsNames) {
            names = dnsNames;
            return this;
        }

        public Request usage(String extendedKeyUsage) {
            usage = extendedKeyUsage;
            return this;
        }

        public Request valid(Instant from, Instant to) {
            begin = from;
            end = to;
            return this;
        }

        /** It may sign others. */
        public Request asAuthority() {
            isAuthority = true;
            return this;
        }

        /** @param issuer null to sign itself */
        public Identity by(Identity issuer) throws Exception {
            PrivateKey signer = issuer == null ? keys.getPrivate() : issuer.key();
            byte[] issuerName = issuer == null
                    ? name(subject)
                    : issuer.certificate().getSubjectX500Principal().getEncoded();
            byte[] content = der(
                    SEQUENCE,
                    der(0xa0, der(INTEGER, new byte[] {2})),
                    der(INTEGER, BigInteger.valueOf(SERIAL.getAndIncrement()).toByteArray()),
                    signatureAlgorithm(signer),
                    issuerName,
                    der(SEQUENCE, time(begin), time(end)),
                    name(subject),
                    keys.getPublic().getEncoded(),
                    der(0xa3, der(SEQUENCE, extensions())));
            X509Certificate own = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(signed(signer, content)));
            List<X509Certificate> above = issuer == null ? List.of() : issuer.chain();
            return new Identity(
                    keys.getPrivate(),
                    Stream.concat(Stream.of(own), above.stream()).toList());
        }

        private byte[] extensions() {
            byte[] all = {};
            if (isAuthority) {
                all = join(all, der(SEQUENCE, BASIC_CONSTRAINTS, CRITICAL, der(OCTETS, der(SEQUENCE, hex("0101ff")))));
            }
            if (names.length > 0) {
                byte[] list = join(Arrays.stream(names)
                        .map(name -> der(DNS_NAME, name.getBytes(US_ASCII)))
                        .toArray(byte[][]::new));
                all = join(all, der(SEQUENCE, ALTERNATIVE_NAMES, der(OCTETS, der(SEQUENCE, list))));
            }
            if (!usage.isEmpty()) {
                byte[] purposes = der(SEQUENCE, der(OBJECT, hex(usage)));
                all = join(all, der(SEQUENCE, EXTENDED_KEY_USAGE, der(OCTETS, purposes)));
            }
            return all;
        }
    }

    private static byte[] signatureAlgorithm(PrivateKey signer) {
        return switch (signer.getAlgorithm()) {
            case "RSA" -> SHA256_WITH_RSA;
            case "EC" -> SHA256_WITH_ECDSA;
            default -> ED25519;
        };
    }

    private static byte[] signed(PrivateKey signer, byte[] content) throws GeneralSecurityException {
        Signature signature = Signature.getInstance(
                switch (signer.getAlgorithm()) {
                    case "RSA" -> "SHA256withRSA";
                    case "EC" -> "SHA256withECDSA";
                    default -> "Ed25519";
                });
        signature.initSign(signer);
        signature.update(content);
        return der(SEQUENCE, content, signatureAlgorithm(signer), der(BITS, join(new byte[] {0}, signature.sign())));
    }

    // ---- For the JDK's side of a connection ----

    /** Trusts an authority, and shows a certificate of its own unless that is null. */
    public static SSLContext context(Identity trusted, Identity own) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("authority", trusted.certificate());
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own == null ? null : own.keyStore("PKCS12", "test"), "test".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    // ---- DER and PEM ----

    static String pem(String what, byte[] encoded) {
        return "-----BEGIN " + what + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded) + "\n-----END " + what
                + "-----\n";
    }

    private static byte[] encoded(X509Certificate certificate) {
        try {
            return certificate.getEncoded();
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static byte[] name(String subject) {
        return new X500Principal(subject).getEncoded();
    }

    private static byte[] time(Instant time) {
        return der(
                TIME,
                DateTimeFormatter.ofPattern("yyyyMMddHHmmss'Z'")
                        .format(time.atZone(ZoneOffset.UTC))
                        .getBytes(US_ASCII));
    }

    private static byte[] der(int tag, byte[]... parts) {
        byte[] content = join(parts);
        int length = content.length;
        byte[] header = length < 0x80
                ? new byte[] {(byte) tag, (byte) length}
                : length < 0x100
                        ? new byte[] {(byte) tag, (byte) 0x81, (byte) length}
                        : new byte[] {(byte) tag, (byte) 0x82, (byte) (length >> 8), (byte) length};
        return join(header, content);
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }
}
