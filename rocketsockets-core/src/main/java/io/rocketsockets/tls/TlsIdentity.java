package io.rocketsockets.tls;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * One server that peers may ask for, as data: where its certificates come from, and whose it asks for.
 *
 * @param certificates files with a chain and its key, several for several kinds of key; read when the server starts, and again
 *     when they change
 * @param context of the application, instead of files; null for none
 * @param clientCertificates whether peers show a certificate
 * @param trusted PEM file of the authorities that sign theirs; empty for those of the context
 */
public record TlsIdentity(
        List<CertificateFiles> certificates,
        @Nullable SSLContext context,
        ClientCertificates clientCertificates,
        String trusted) {
    static final TlsIdentity NONE = new TlsIdentity(List.of(), null, ClientCertificates.NONE, "");

    /**
     * Where a certificate chain and its key come from.
     *
     * @param certificate PEM, PKCS#12 or JKS
     * @param key PEM, where it is not in the same file; empty otherwise
     * @param password of a PKCS#12 or JKS file
     */
    public record CertificateFiles(String certificate, String key, String password) {
        public static final CertificateFiles NONE = new CertificateFiles("", "", "");

        public CertificateFiles {
            certificate = String.valueOf(certificate);
            key = String.valueOf(key);
            Objects.requireNonNull(password, "password");
        }

        public CertificateFiles withPassword(String password) {
            return new CertificateFiles(certificate, key, password);
        }

        /** Without the password. */
        @Override
        public String toString() {
            return "certificate=" + certificate + (key.isEmpty() ? "" : " key=" + key);
        }
    }

    public TlsIdentity {
        certificates = List.copyOf(certificates);
        Objects.requireNonNull(clientCertificates, "clientCertificates");
        Objects.requireNonNull(trusted, "trusted");
    }

    boolean isEmpty() {
        return certificates.isEmpty() && context == null;
    }

    /** Every rule that is broken. */
    List<String> errors() {
        List<String> errors = new ArrayList<>();
        if (!certificates.isEmpty() && context != null) {
            errors.add("has both a certificate file and a context; pass one of the two");
        }
        for (CertificateFiles files : certificates) {
            if (files.certificate().isBlank() || files.certificate().equals("null")) {
                errors.add("certificate=" + files.certificate() + " is empty; pass the path of a PEM or PKCS#12 file");
            }
        }
        if (clientCertificates != ClientCertificates.NONE && trusted.isEmpty() && context == null) {
            errors.add("clientCertificates=" + clientCertificates
                    + " without authorities to trust; pass a PEM file of those that sign them");
        }
        return errors;
    }
}
