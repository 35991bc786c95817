package io.rocketsockets.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.Certificates;
import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CertificateReaderTest {
    private static Identity authority;
    private static Identity own;

    @TempDir
    Path folder;

    @BeforeAll
    static void makeCertificates() throws Exception {
        authority = Certificates.authority("test authority");
        own = authority.issue("server.test");
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private static CertificateReader.Chain read(Path certificate, String key, String password) throws IOException {
        return CertificateReader.read(new CertificateFiles(certificate.toString(), key, password));
    }

    private static void isRefused(Path certificate, String key, String... messages) {
        assertThatThrownBy(() -> read(certificate, key, ""))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll(messages);
    }

    // ---- What can be read ----

    @ParameterizedTest
    @ValueSource(strings = {"EC", "RSA", "Ed25519"})
    void keysOfEveryKindAreRead(String algorithm) throws Exception {
        Identity identity = new Certificates.Request("CN=server.test", algorithm).by(authority);
        CertificateReader.Chain chain = read(file("own.pem", identity.pem()), "", "");
        assertThat(chain.key()).isEqualTo(identity.key());
        assertThat(chain.certificates()).isEqualTo(identity.chain());
    }

    @Test
    void theKeyMayStandInAFileOfItsOwn() throws Exception {
        Path key = file("key.pem", own.keyPem());
        assertThat(read(file("chain.pem", own.chainPem()), key.toString(), "").key())
                .isEqualTo(own.key());
    }

    @Test
    void theKeyMayStandFirstWithTextAroundIt() throws Exception {
        Path mixed = file(
                "own.pem",
                "Bag Attributes\r\n" + own.keyPem().replace("\n", "\r\n") + "\nsubject=x\n" + own.chainPem());
        assertThat(read(mixed, "", "").certificates()).isEqualTo(own.chain());
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "JKS"})
    void keyStoresAreReadWithTheirPassword(String type) throws Exception {
        Path store = own.writeKeyStore(type, folder.resolve("own.store"), "secret");
        assertThat(read(store, "", "secret").key()).isEqualTo(own.key());
        assertThat(read(store, "", "secret").certificates()).isEqualTo(own.chain());
        assertThatThrownBy(() -> read(store, "", "wrong"))
                .hasMessageContaining("pass the right password to keyStore(path, password)")
                .hasMessageNotContaining("wrong;");
    }

    // ---- What cannot ----

    @ParameterizedTest
    @ValueSource(strings = {"RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"})
    void otherFormsOfKeysAreRefusedWithTheCommandThatConvertsThem(String form) throws Exception {
        Path other = file("own.pem", own.chainPem() + own.keyPem().replace("PRIVATE KEY", form));
        isRefused(other, "", form, "run: openssl pkcs8 -topk8 -nocrypt -in " + other + " -out " + other + ".p8");
    }

    @Test
    void filesWithoutWhatIsWantedAreRefused() throws Exception {
        isRefused(folder.resolve("none"), "", "does not exist");
        isRefused(file("a", own.chainPem()), "", "has no \"PRIVATE KEY\"");
        isRefused(file("b", own.keyPem()), "", "has no certificate");
        isRefused(file("c", ""), "", "neither PEM nor a PKCS#12 or JKS file");
        isRefused(file("d", own.pem()), folder.resolve("nokey").toString(), "key=", "does not exist");
    }

    @Test
    void brokenContentIsRefused() throws Exception {
        String broken =
                own.chainPem().substring(0, 100) + "AAAA" + own.chainPem().substring(104);
        isRefused(file("a", broken + own.keyPem()), "", "number 1 is broken");
        isRefused(
                file("b", own.chainPem() + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                "",
                "is broken or none of");
        isRefused(
                file("c", own.chainPem() + "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n"),
                "",
                "is broken");
    }

    @ParameterizedTest
    @ValueSource(strings = {"EC", "RSA"})
    void aKeyOfAnotherCertificateIsRefused(String algorithm) throws Exception {
        Identity other = new Certificates.Request("CN=other.test", algorithm).by(authority);
        isRefused(file("own.pem", own.chainPem() + other.keyPem()), "", "the key is not that of the first certificate");
    }
}
