package io.rocketsockets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.Certificates.Request;
import io.rocketsockets.tls.ClientCertificates;
import io.rocketsockets.tls.TlsConfigurator;
import io.rocketsockets.tls.TlsSession;
import java.io.BufferedReader;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.RSAKeyGenParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.UnaryOperator;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group K: who is let in, as whom, and in which words. */
abstract class TlsIdentityContract extends SecureContract {
    // Of IANA's "TLS Supported Groups".
    private static final int SECP521R1 = 25;
    private static final int X448 = 30;
    private static final int FFDHE2048 = 256;
    private static final int FFDHE8192 = 260;
    private static final short NO_GROUP = 0x0a0a; // RFC 8701

    private static UnaryOperator<SSLParameters> asking(String name, String protocol) {
        return parameters -> {
            parameters.setServerNames(List.of(new SNIHostName(name)));
            return only(protocol).apply(parameters);
        };
    }

    private static TlsPeer peerAsking(Client wire, String name, String protocol, SSLContext context) {
        SSLEngine engine = context.createSSLEngine();
        engine.setSSLParameters(asking(name, protocol).apply(engine.getSSLParameters()));
        return new TlsPeer(wire, engine);
    }

    // ---- Names ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k11_eachNameHasItsCertificate(String protocol) throws Exception {
        Identity a = authority.issue("a.test");
        Identity any = authority.issue("*.b.test");
        TestServer server = secure(
                tls -> {
                    tls.name("a.test", name -> name.certFrom(file("a", a)));
                    tls.name("*.b.test", name -> name.certFrom(file("b", any)));
                },
                echo());
        for (Object[] asked : new Object[][] {
            {"a.test", a},
            {"A.Test", a},
            {"x.b.test", any},
            {"server.test", own},
            {"unknown.test", own},
            {"b.test", own}
        }) {
            // One that has asked for a name before would ask for that again, to resume its session.
            SSLContext fresh = Certificates.context(authority, null);
            Client client = server.connect().secure(fresh, asking((String) asked[0], protocol));
            assertThat(client.session().getPeerCertificates())
                    .as("%s", asked)
                    .contains(((Identity) asked[1]).certificate());
            assertThat(client.exchange("x")).isEqualTo("x");
            assertThat(server.socket(client).tls().map(TlsSession::serverName))
                    .contains(((String) asked[0]).toLowerCase(Locale.ROOT));
        }
        Client nameless = connect(server, protocol);
        assertThat(nameless.session().getPeerCertificates()).contains(own.certificate());
    }

    @Test
    void k11_unknownNamesAreRefusedWhereThatIsAskedFor() throws Exception {
        TestServer server = secure(TlsConfigurator::refuseUnknownNames, echo());
        Client known = server.connect().secure(trusting, asking("server.test", TLS13));
        assertThat(known.exchange("x")).isEqualTo("x");
        Client unknown = server.connect();
        unknown.send(peerAsking(unknown, "unknown.test", TLS13, trusting).hello());
        assertThat(alert(unknown)).as("unrecognized_name").isEqualTo(112);
        Client nameless = server.connect();
        nameless.send(peer(nameless, TLS12).hello());
        assertThat(alert(nameless)).as("unrecognized_name").isEqualTo(112);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 2);
    }

    /** What the JDK would not send is put in the place of a name of the same length. */
    @ParameterizedTest
    @ValueSource(strings = {"secret.tes\0", "10.20.30.40", "secret.tes.", "\u00e4ecret.test", "..........."})
    void k11_whatIsNoHostNameIsServedAsNoName(String name) throws Exception {
        Identity secret = authority.issue("secret.test");
        TestServer server = secure(tls -> tls.name("secret.test", x -> x.certFrom(file("secret", secret))), echo());
        Client wire = server.connect();
        String hello =
                new String(peerAsking(wire, "secret.test", TLS13, trusting).hello(), ISO_8859_1);
        wire.send(hello.replace("secret.test", name).getBytes(ISO_8859_1));
        // The peer's transcript is another one: it cannot go on, but the server has chosen.
        assertThat(wire.read()).as("a handshake record or an alert").isIn(21, 22);
        wire.endOutput().discardAll();
        wire.close();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        assertThat(server.ledger.books()).isEmpty();
    }

    // ---- Protocols ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void anApplicationProtocolIsAgreedOn(String protocol) throws Exception {
        TestServer server = secure(tls -> tls.applicationProtocols("echo/2", "echo/1"), echo());
        UnaryOperator<SSLParameters> offering = parameters -> {
            parameters.setApplicationProtocols(new String[] {"echo/1", "echo/2"});
            return only(protocol).apply(parameters);
        };
        Client client = server.connect().secure(trusting, offering);
        client.exchange("x");
        assertThat(server.socket(client).tls().orElseThrow().applicationProtocol())
                .as("the server's preference")
                .isEqualTo("echo/2");
        assertThat(connect(server, protocol).exchange("x")).as("offers none").isEqualTo("x");
        Client wire = server.connect();
        TlsPeer other = peer(wire, protocol);
        SSLParameters parameters = other.engine.getSSLParameters();
        parameters.setApplicationProtocols(new String[] {"other"});
        other.engine.setSSLParameters(parameters);
        wire.send(other.hello());
        assertThat(other.refusal()).contains("no_application_protocol");
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    @Test
    void k16_onlyTheProtocolsThatAreConfiguredAreSpoken() throws Exception {
        TestServer server = secure(tls -> tls.protocols(TLS13), echo());
        assertThat(connect(server, TLS13).exchange("x")).isEqualTo("x");
        Client wire = server.connect();
        TlsPeer old = peer(wire, TLS12);
        wire.send(old.hello());
        assertThat(old.refusal()).contains("protocol_version");
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    /** The hello of TLS 1.2 with the number of an older one, which stands in it twice. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void k16_olderProtocolsAreRefused(int minor) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        String hello = new String(peer(wire, TLS12).hello(), ISO_8859_1);
        String supported = "\0\u002b\0\3\2\3";
        assertThat(hello).contains(supported + "\3");
        byte[] old = hello.replace(supported + "\3", supported + (char) minor).getBytes(ISO_8859_1);
        old[10] = (byte) minor;
        wire.send(old);
        assertThat(alert(wire)).as("protocol_version").isEqualTo(70);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    /** By their numbers, in a hello that offers nothing else: of NULL, EXPORT, RC4, 3DES, anonymous, RSA, DHE and CBC one each. */
    @ParameterizedTest
    @ValueSource(
            ints = {
                0x003b, 0x0003, 0x0005, 0x000a, 0x0034, 0x009c, 0x0033, 0x009e, 0xc006, 0xc007, 0xc008, 0xc009, 0xc013,
                0xc018, 0xc023, 0xc024
            })
    void k16_ciphersWithoutForwardSecrecyOrAuthenticationAreRefused(int suite) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        byte[] hello = peer(wire, TLS12).hello();
        int at = 44 + hello[43] + 2; // behind the session id and the length of the list
        int end = at + ((hello[at - 2] & 0xff) << 8 | hello[at - 1] & 0xff);
        for (; at < end; at += 2) {
            hello[at] = (byte) (suite >> 8);
            hello[at + 1] = (byte) suite;
        }
        wire.send(hello);
        assertThat(alert(wire)).as("handshake_failure").isEqualTo(40);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    @Test
    @Tag("long")
    void k16_aScannerFindsNothingOld() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/sslscan")), "skipped: no sslscan");
        TestServer server = secure(echo());
        int port = ((InetSocketAddress) server.address()).getPort();
        Process scan = new ProcessBuilder("sslscan", "--no-colour", "127.0.0.1:" + port)
                .redirectErrorStream(true)
                .start();
        closeLater(scan::destroyForcibly);
        List<String> lines = scan.inputReader().lines().map(String::strip).toList();
        assertThat(lines)
                .contains("TLSv1.2   enabled", "TLSv1.3   enabled", "Session renegotiation not supported")
                .contains("SSLv2     disabled", "SSLv3     disabled", "TLSv1.0   disabled", "TLSv1.1   disabled");
        assertThat(lines.stream().filter(line -> line.startsWith("Accepted") || line.startsWith("Preferred")))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(line).containsPattern("TLS_(AES|CHACHA20)_|ECDHE-.*(GCM|CHACHA20)"));
    }

    /** The hello of TLS 1.2 with nothing but ecdsa_sha1 among its signature_algorithms (13). */
    @Test
    void k16_signaturesWithSha1AreRefused() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        byte[] hello = peer(wire, TLS12).hello();
        int afterSessionId = 44 + hello[43];
        int extension = new String(hello, ISO_8859_1).indexOf("\0\15\0", afterSessionId);
        int end = extension + 4 + (hello[extension + 3] & 0xff);
        for (int i = extension + 6; i < end; i += 2) {
            hello[i] = 2;
            hello[i + 1] = 3;
        }
        wire.send(hello);
        assertThat(alert(wire)).as("handshake_failure").isEqualTo(40);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    /** The hello of TLS 1.3 with that one among its supported_groups (10), and a share (51) of it to come. */
    @ParameterizedTest
    @ValueSource(ints = {SECP521R1, X448, FFDHE2048, FFDHE8192})
    void k19_groupsThatTakeLongAreRefused(int group) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        ByteBuffer hello = ByteBuffer.wrap(peer(wire, TLS13).hello());
        ByteBuffer groups = extension(hello, 10);
        for (groups.getShort(); groups.hasRemaining(); ) {
            groups.putShort((short) group);
        }
        ByteBuffer shares = extension(hello, 51);
        for (shares.getShort(); shares.hasRemaining(); ) {
            shares.putShort(NO_GROUP);
            int length = shares.getShort();
            shares.position(shares.position() + length);
        }
        wire.send(hello.array());
        assertThat(alert(wire)).as("the JDK's unexpected_message").isEqualTo(10);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    /** What is in the extension of that type, in place. */
    private static ByteBuffer extension(ByteBuffer hello, int type) {
        int at = 44 + hello.get(43); // behind the session id
        at += 2 + hello.getShort(at); // the cipher suites
        at += 1 + hello.get(at) + 2; // the compression methods
        while (hello.getShort(at) != type) {
            at += 4 + hello.getShort(at + 2);
        }
        return hello.slice(at + 4, hello.getShort(at + 2));
    }

    @Test
    void aCipherSuiteThatNobodyHasFailsTheStart() {
        assertThatThrownBy(() -> secure(tls -> tls.cipherSuites("TLS_AES_1"), echo()))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining("cipherSuites=[TLS_AES_1] are not all supported by this JDK");
    }

    // ---- Client certificates ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k14_aClientIsKnownByItsCertificate(String protocol) throws Exception {
        Identity alice =
                new Request("CN=alice", "EC").usage(Certificates.CLIENT_AUTH).by(authority);
        TestServer server = secure(this::needed, echo());
        Client client = server.connect().secure(Certificates.context(authority, alice), only(protocol));
        assertThat(client.exchange("x")).isEqualTo("x");
        assertThat(server.socket(client).tls().orElseThrow().peerCertificates().get(0))
                .isEqualTo(alice.certificate());
    }

    private void needed(TlsConfigurator tls) {
        tls.clientCertificates(ClientCertificates.NEED, authorityFile());
    }

    /** By the alerts of the JDKs, which do not all give the same. */
    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, none, bad_certificate|handshake_failure", "TLSv1.3, none, bad_certificate|certificate_required",
        "TLSv1.2, stranger, certificate_unknown", "TLSv1.3, stranger, certificate_unknown",
        "TLSv1.2, expired, certificate_unknown", "TLSv1.3, expired, certificate_unknown",
        "TLSv1.2, server, certificate_unknown", "TLSv1.3, server, certificate_unknown",
        "TLSv1.2, revoked, certificate_unknown", "TLSv1.3, revoked, certificate_unknown",
        "TLSv1.2, endless, handshake_failure|internal_error", "TLSv1.3, endless, handshake_failure|internal_error",
        "TLSv1.2, huge, handshake_failure", "TLSv1.3, huge, handshake_failure"
    })
    void k14_whoHasNoValidCertificateIsRefused(String protocol, String which, String alert) throws Exception {
        Request alice = new Request("CN=alice", "EC");
        Identity shown = switch (which) {
            case "none" -> null;
            case "stranger" -> Certificates.authority("stranger").issue("alice");
            case "expired" ->
                alice.valid(Instant.now().minusSeconds(200), Instant.now().minusSeconds(100))
                        .by(authority);
            case "server" -> alice.usage(Certificates.SERVER_AUTH).by(authority);
            case "endless" -> issuedByADozen(alice);
            case "huge" -> withAHugeKey();
            default -> alice.by(authority);
        };
        TestServer server = secure(this::needed, echo());
        if (which.equals("revoked")) {
            String lists = authority.chainPem() + authority.revocations(shown.certificate());
            Files.writeString(Path.of(authorityFile()), lists);
            server.server.reload(server.configuration);
        }
        Client wire = server.connect();
        TlsPeer peer = new TlsPeer(wire, showing(shown).createSSLEngine());
        peer.engine.setEnabledProtocols(new String[] {protocol});
        long began = System.nanoTime();
        wire.send(peer.hello());
        assertThat(peer.refusal()).containsPattern(alert);
        wire.close();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(2));
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        assertThat(server.ledger.books()).isEmpty();
    }

    private static Identity issuedByADozen(Request request) throws Exception {
        Identity issuer = authority;
        for (int i = 0; i < 12; i++) {
            issuer = new Request("CN=authority " + i, "EC").asAuthority().by(issuer);
        }
        return request.by(issuer);
    }

    /** Of 16,384 bits, the most that the JDK takes; nobody has the other half of it. */
    private static Identity withAHugeKey() throws Exception {
        BigInteger modulus =
                new BigInteger(16_384, new Random(14)).setBit(16_383).setBit(0);
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair half = new KeyPair(
                KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(modulus, RSAKeyGenParameterSpec.F4)),
                generator.generateKeyPair().getPrivate());
        return new Request("CN=alice", half).by(authority);
    }

    /** With a list of its authority that does not name it. */
    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k14_whoIsNotRevokedIsLetIn(String protocol) throws Exception {
        Identity alice = new Request("CN=alice", "EC").by(authority);
        Identity other = new Request("CN=mallory", "EC").by(authority);
        TestServer server = secure(this::needed, echo());
        Files.writeString(Path.of(authorityFile()), authority.chainPem() + authority.revocations(other.certificate()));
        server.server.reload(server.configuration);
        Client client = server.connect().secure(Certificates.context(authority, alice), only(protocol));
        assertThat(client.exchange("x")).isEqualTo("x");
    }

    /** Shows that certificate whoever is asked for. */
    private static SSLContext showing(Identity shown) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                shown == null ? null : new KeyManager[] {new Always(shown)},
                new TrustManager[] {new TrustsAll()},
                null);
        return context;
    }

    private static final class TrustsAll extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k14_whereACertificateIsWantedOneMayHaveNone(String protocol) throws Exception {
        TestServer server = secure(tls -> tls.clientCertificates(ClientCertificates.WANT, authorityFile()), echo());
        Client nobody = connect(server, protocol);
        assertThat(nobody.exchange("x")).isEqualTo("x");
        assertThat(server.socket(nobody).tls().orElseThrow().peerCertificates()).isEmpty();
        Identity alice = authority.issue("alice");
        Client client = server.connect().secure(Certificates.context(authority, alice), only(protocol));
        assertThat(client.exchange("x")).isEqualTo("x");
        assertThat(server.socket(client).tls().orElseThrow().peerCertificates()).contains(alice.certificate());
    }

    /** The name that asks for a certificate is found in every cut of the hello. */
    @Test
    void k12_noCutOfAHelloGetsPastTheCertificateThatItsNameNeeds() throws Exception {
        passesNoCut(23);
    }

    @Test
    @Tag("long")
    void k12_noCutOfAHelloAtAllGetsPastTheCertificate() throws Exception {
        passesNoCut(1);
    }

    private void passesNoCut(int step) throws Exception {
        Identity secret = authority.issue("secret.test");
        TestServer server = secure(
                tls -> tls.name(
                        "secret.test",
                        name -> name.certFrom(file("secret", secret))
                                .clientCertificates(ClientCertificates.NEED, authorityFile())),
                echo());
        Client control = server.connect().secure(trusting, asking("server.test", TLS13));
        assertThat(control.exchange("x")).as("asks for another name").isEqualTo("x");
        int refused = 0;
        int length = Integer.MAX_VALUE;
        for (int at = 1; at < length; at += step) {
            Client wire = server.connect();
            TlsPeer peer = peerAsking(wire, "secret.test", TLS13, trusting);
            byte[] hello = peer.hello();
            length = hello.length - 5;
            byte[] first = recut(Arrays.copyOf(hello, 5 + at), at);
            byte[] second = recut(Arrays.copyOfRange(hello, at, hello.length), length);
            wire.send(first).send(second);
            assertThat(peer.refusal()).as("cut at %s", at).contains("fatal alert");
            wire.close();
            refused++;
        }
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, refused);
        assertThat(server.ledger.books()).hasSize(1);
    }

    // ---- Resumption ----

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k15_aSessionIsResumed(String protocol) throws Exception {
        TestServer server = secure(echo());
        SSLContext remembering = Certificates.context(authority, null);
        Client first = server.connect().secure(remembering, only(protocol));
        assertThat(first.exchange("x")).isEqualTo("x");
        first.close();
        pass(Duration.ofMillis(20));
        Client second = server.connect().secure(remembering, only(protocol));
        assertThat(second.exchange("x")).isEqualTo("x");
        Client stranger = server.connect().secure(Certificates.context(authority, null), only(protocol));
        // A session that is resumed is as old as the one that it goes on with.
        assertThat(created(second)).isEqualTo(created(first));
        assertThat(created(stranger)).isGreaterThan(created(first));
        assertThat(server.socket(second).tls().orElseThrow().protocol()).isEqualTo(protocol);
    }

    private static long created(Client client) {
        return ((SSLSocket) client.socket).getSession().getCreationTime();
    }

    /** A connection of {@code openssl s_client}, which echoes a line: all that the program says of it. */
    private String openssl(TestServer server, String protocol, String name, String... options) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/openssl")), "skipped: no openssl");
        List<String> command = new ArrayList<>(List.of("openssl", "s_client", "-CAfile", authorityFile()));
        command.addAll(List.of("-connect", "127.0.0.1:" + ((InetSocketAddress) server.address()).getPort()));
        command.addAll(List.of(protocol.equals(TLS12) ? "-tls1_2" : "-tls1_3", "-servername", name));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        closeLater(process::destroyForcibly);
        process.outputWriter().append("ping\n").flush();
        StringBuilder said = new StringBuilder();
        BufferedReader output = process.inputReader();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            said.append(line).append('\n');
            if (line.endsWith("ping")) { // it may stand in the midst of a ticket
                process.outputWriter().close(); // and it ends
            }
        }
        return said.toString();
    }

    /** As openssl tells it, whose client asks for whatever it is told to. */
    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k15_aSessionIsGoodForItsNameAndCertificateOnly(String protocol) throws Exception {
        Identity a = authority.issue("a.test");
        Identity secret = authority.issue("secret.test");
        TestServer server = secure(
                tls -> tls.name("a.test", name -> name.certFrom(file("a", a)))
                        .name(
                                "secret.test",
                                name -> name.certFrom(file("secret", secret))
                                        .clientCertificates(ClientCertificates.NEED, authorityFile())),
                echo());
        String session = folder.resolve("session").toString();
        String first = openssl(server, protocol, "server.test", "-sess_out", session);
        assertThat(first).contains("New, ", "ping\n");
        if (protocol.equals(TLS13)) {
            assertThat(first).contains("Max Early Data: 0");
        }
        assertThat(openssl(server, protocol, "server.test", "-sess_in", session))
                .contains("Reused, ", "ping\n");
        assertThat(openssl(server, protocol, "a.test", "-sess_in", session))
                .contains("New, ", "subject=CN = a.test", "ping\n");
        assertThat(openssl(server, protocol, "secret.test", "-sess_in", session))
                .containsPattern("alert (bad certificate|handshake failure|certificate required)")
                .doesNotContain("Reused, ", "ping\n");
        Path ticket = garbled(Path.of(session));
        assertThat(openssl(server, protocol, "server.test", "-sess_in", ticket.toString()))
                .contains("New, ", "ping\n");
        file("own", authority.issue("server.test"));
        server.server.reload(server.configuration);
        assertThat(openssl(server, protocol, "server.test", "-sess_in", session))
                .contains("New, ", "ping\n");
    }

    /** The session with another ticket: field 10 of the SSL_SESSION of openssl. */
    private static Path garbled(Path session) throws IOException {
        byte[] der = Base64.getMimeDecoder().decode(Files.readString(session).replaceAll("-----[A-Z ]+-----", ""));
        int at = length(der, 1)[1];
        while ((der[at] & 0xff) != 0xaa) {
            int[] field = length(der, at + 1);
            at = field[1] + field[0];
        }
        int[] ticket = length(der, at + 1);
        for (int i = ticket[1] + ticket[0] / 2; i < ticket[1] + ticket[0]; i++) {
            der[i] ^= 0x55;
        }
        return Files.writeString(session.resolveSibling("garbled"), Certificates.pem("SSL SESSION PARAMETERS", der));
    }

    /** A length of DER, and where the content begins. */
    private static int[] length(byte[] der, int at) {
        int first = der[at] & 0xff;
        int count = first < 0x80 ? 0 : first & 0x7f;
        int length = count == 0 ? first : 0;
        for (int i = 1; i <= count; i++) {
            length = length << 8 | der[at + i] & 0xff;
        }
        return new int[] {length, at + 1 + count};
    }
}
