package io.rocketsockets.tls;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CRL;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads certificates and keys from files; what is wrong is an {@link IOException} that names file, fault and remedy. */
final class CertificateReader {
    private static final Pattern PEM =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----\\s+([A-Za-z0-9+/=\\s]*)-----END \\1-----");

    private static final Pattern OTHER_KEY = Pattern.compile("-----BEGIN ((?:RSA|EC|DSA|ENCRYPTED) PRIVATE KEY)-----");

    private static final List<String> KEY_ALGORITHMS = List.of("RSA", "EC", "EdDSA", "RSASSA-PSS");

    /** To see whether a key is that of a certificate. */
    private static final byte[] SIGNED = {1};

    private CertificateReader() {}

    /** A certificate chain, the server's own first, and its key. */
    record Chain(PrivateKey key, List<X509Certificate> certificates) {
        X509Certificate own() {
            return certificates.get(0);
        }
    }

    static Chain read(CertificateFiles files) throws IOException {
        byte[] content = bytes("certificate", files.certificate());
        String text = new String(content, ISO_8859_1);
        Chain chain = text.contains("-----BEGIN ") ? readPem(files, text) : readKeyStore(files);
        verify(files, chain);
        return chain;
    }

    /** The certificates of a PEM file, at least one. */
    static List<X509Certificate> readAuthorities(String path) throws IOException {
        List<X509Certificate> certificates = certificates(path, new String(bytes("trusted", path), ISO_8859_1));
        if (certificates.isEmpty()) {
            throw new IOException("trusted=" + path + " has no certificate; pass a PEM file of authorities");
        }
        return certificates;
    }

    /** What authorities have revoked, of the same PEM file; may be none. */
    static List<CRL> readRevocations(String path) throws IOException {
        List<CRL> revocations = new ArrayList<>();
        Matcher block = PEM.matcher(new String(bytes("trusted", path), ISO_8859_1));
        while (block.find()) {
            if (block.group(1).equals("X509 CRL")) {
                try {
                    revocations.add(CertificateFactory.getInstance("X.509")
                            .generateCRL(new ByteArrayInputStream(decode(block.group(2)))));
                } catch (GeneralSecurityException | IllegalArgumentException broken) {
                    throw new IOException(
                            "trusted=" + path + " revocation list number " + (revocations.size() + 1) + " is broken: "
                                    + broken.getMessage(),
                            broken);
                }
            }
        }
        return revocations;
    }

    private static byte[] bytes(String what, String path) throws IOException {
        try {
            return Files.readAllBytes(Path.of(path));
        } catch (NoSuchFileException missing) {
            throw new IOException(what + "=" + path + " does not exist; pass the path of a file", missing);
        } catch (IOException | RuntimeException unreadable) {
            throw new IOException(
                    what + "=" + path + " cannot be read: " + unreadable.getMessage() + "; grant the right to read it",
                    unreadable);
        }
    }

    private static Chain readPem(CertificateFiles files, String text) throws IOException {
        boolean isApart = !files.key().isEmpty();
        String keyPath = isApart ? files.key() : files.certificate();
        String keyText = isApart ? new String(bytes("key", keyPath), ISO_8859_1) : text;
        List<X509Certificate> certificates = certificates(files.certificate(), text);
        if (certificates.isEmpty()) {
            throw new IOException(files + " has no certificate; put the chain into it, the server's own first");
        }
        return new Chain(key(keyPath, keyText), certificates);
    }

    private static List<X509Certificate> certificates(String path, String text) throws IOException {
        List<X509Certificate> certificates = new ArrayList<>();
        Matcher block = PEM.matcher(text);
        while (block.find()) {
            if (block.group(1).equals("CERTIFICATE")) {
                try {
                    certificates.add((X509Certificate) CertificateFactory.getInstance("X.509")
                            .generateCertificate(new ByteArrayInputStream(decode(block.group(2)))));
                } catch (GeneralSecurityException | IllegalArgumentException broken) {
                    throw new IOException(
                            "certificate=" + path + " number " + (certificates.size() + 1) + " is broken: "
                                    + broken.getMessage(),
                            broken);
                }
            }
        }
        return certificates;
    }

    private static byte[] decode(String base64) {
        return Base64.getMimeDecoder().decode(base64);
    }

    private static PrivateKey key(String path, String text) throws IOException {
        Matcher other = OTHER_KEY.matcher(text);
        if (other.find()) {
            throw new IOException("key=" + path + " is a \"" + other.group(1)
                    + "\" and has to be PKCS#8 without a password; run: openssl pkcs8 -topk8 -nocrypt -in " + path
                    + " -out " + path + ".p8");
        }
        Matcher block = PEM.matcher(text);
        while (block.find()) {
            if (block.group(1).equals("PRIVATE KEY")) {
                try {
                    return key(path, decode(block.group(2)));
                } catch (IllegalArgumentException notBase64) {
                    throw new IOException("key=" + path + " is broken: " + notBase64.getMessage(), notBase64);
                }
            }
        }
        throw new IOException("key=" + path + " has no \"PRIVATE KEY\"; add it, or pass its file as the second path");
    }

    private static PrivateKey key(String path, byte[] encoded) throws IOException {
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(encoded);
        for (String algorithm : KEY_ALGORITHMS) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(spec);
            } catch (InvalidKeySpecException anotherAlgorithm) {
                continue;
            } catch (GeneralSecurityException missing) {
                throw new IOException("key=" + path + " cannot be read: " + missing.getMessage(), missing);
            }
        }
        throw new IOException("key=" + path + " is broken or none of " + KEY_ALGORITHMS);
    }

    private static Chain readKeyStore(CertificateFiles files) throws IOException {
        char[] password = files.password().toCharArray();
        try {
            KeyStore store = KeyStore.getInstance(Path.of(files.certificate()).toFile(), password);
            for (String alias : Collections.list(store.aliases())) {
                Key key = store.getKey(alias, password);
                Certificate[] chain = store.getCertificateChain(alias);
                if (key instanceof PrivateKey privateKey && chain != null) {
                    List<X509Certificate> certificates = new ArrayList<>();
                    for (Certificate certificate : chain) {
                        certificates.add((X509Certificate) certificate);
                    }
                    return new Chain(privateKey, certificates);
                }
            }
        } catch (GeneralSecurityException | IOException | ClassCastException broken) {
            throw new IOException(
                    files + " is neither PEM nor a PKCS#12 or JKS file of that password: " + broken.getMessage()
                            + "; pass the right password to keyStore(path, password)",
                    broken);
        }
        throw new IOException(files + " has no key; export it with one");
    }

    /** The JDK would notice at each handshake only. */
    private static void verify(CertificateFiles files, Chain chain) throws IOException {
        PublicKey certified = chain.own().getPublicKey();
        String algorithm = switch (chain.key().getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            case "RSASSA-PSS" -> "";
            default -> chain.key().getAlgorithm();
        };
        if (algorithm.isEmpty()) {
            return; // its parameters say how it may sign
        }
        try {
            Signature signer = Signature.getInstance(algorithm);
            signer.initSign(chain.key());
            signer.update(SIGNED);
            byte[] signature = signer.sign();
            Signature verifier = Signature.getInstance(algorithm);
            verifier.initVerify(certified);
            verifier.update(SIGNED);
            if (verifier.verify(signature)) {
                return;
            }
        } catch (GeneralSecurityException anotherKind) {
            throw new IOException(mismatch(files, chain), anotherKind);
        }
        throw new IOException(mismatch(files, chain));
    }

    private static String mismatch(CertificateFiles files, Chain chain) {
        return files + " the key is not that of the first certificate, subject="
                + chain.own().getSubjectX500Principal() + "; put the server's own certificate first, or take its key";
    }
}
