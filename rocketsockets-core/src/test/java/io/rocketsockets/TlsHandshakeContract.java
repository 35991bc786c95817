package io.rocketsockets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.Certificates.Request;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.ClientCertificates;
import io.rocketsockets.tls.TlsConfigurator;
import io.rocketsockets.tls.TlsSession;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group K: who is let in, as whom, and what a handshake may cost. */
abstract class TlsHandshakeContract extends SecureContract {
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

    /** The message of a hello, in records of that size. */
    private static byte[] recut(byte[] record, int size) {
        ByteArrayOutputStream records = new ByteArrayOutputStream();
        for (int at = 5; at < record.length; at += size) {
            int length = Math.min(size, record.length - at);
            records.writeBytes(new byte[] {22, 3, 1, (byte) (length >> 8), (byte) length});
            records.write(record, at, length);
        }
        return records.toByteArray();
    }

    /** The only record of an answer in the clear: a fatal alert. */
    private static int alert(Client wire) throws IOException {
        byte[] answer = wire.receiveAllBytes();
        assertThat(answer).hasSize(7).startsWith(21, 3, 3, 0, 2, 2);
        return answer[6];
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

    @ParameterizedTest
    @ValueSource(
            strings = {
                "TLS_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
            })
    void k16_ciphersWithoutForwardSecrecyOrAuthenticationAreRefused(String suite) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer weak = peer(wire, TLS12);
        assumeTrue(
                List.of(weak.engine.getSupportedCipherSuites()).contains(suite),
                "skipped: this JDK has done away with " + suite);
        weak.engine.setEnabledCipherSuites(new String[] {suite});
        wire.send(weak.hello());
        assertThat(weak.refusal()).contains("handshake_failure");
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

    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, none", "TLSv1.2, stranger", "TLSv1.2, expired", "TLSv1.2, server",
        "TLSv1.3, none", "TLSv1.3, stranger", "TLSv1.3, expired", "TLSv1.3, server"
    })
    void k14_whoHasNoValidCertificateIsRefused(String protocol, String which) throws Exception {
        Identity shown = switch (which) {
            case "stranger" -> Certificates.authority("stranger").issue("alice");
            case "expired" ->
                new Request("CN=alice", "EC")
                        .valid(Instant.now().minusSeconds(200), Instant.now().minusSeconds(100))
                        .by(authority);
            case "server" ->
                new Request("CN=alice", "EC").usage(Certificates.SERVER_AUTH).by(authority);
            default -> null;
        };
        TestServer server = secure(this::needed, echo());
        Client wire = server.connect();
        TlsPeer peer = new TlsPeer(wire, showing(shown).createSSLEngine());
        peer.engine.setEnabledProtocols(new String[] {protocol});
        wire.send(peer.hello());
        assertThat(peer.refusal()).contains("fatal alert");
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        assertThat(server.ledger.books()).isEmpty();
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

    /** One key, for either side. */
    private static class Always extends X509ExtendedKeyManager {
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

    // ---- Bounds ----

    @Test
    void g4_aHandshakeOfOneByteASecondIsCutOff() throws Exception {
        Duration limit = Duration.ofMillis(400);
        TestServer server = secure(tls -> tls.handshakeTimeout(limit), echo());
        long start = System.nanoTime();
        Client crumbs = server.connect().send(new byte[] {22, 3, 1});
        Client silent = server.connect();
        Client halfWay = server.connect();
        halfWay.send(peer(halfWay, TLS13).hello());
        for (Client client : List.of(crumbs, silent, halfWay)) {
            assertThat(client.isReset()).isTrue();
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(limit, limit.plusMillis(500));
        awaitCounted(server, CloseReason.TIMEOUT_HANDSHAKE, 3);
        assertThat(server.ledger.books()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k3_aHandshakeCutAnywhereEndsAndLeavesNothing(String protocol) throws Exception {
        TestServer server = secure(echo());
        byte[] hello = peer(null, protocol).hello();
        int count = 0;
        for (int at = 1; at < hello.length; at += 11) {
            Client wire = server.connect().send(Arrays.copyOf(hello, at)).endOutput();
            assertThat(wire.receiveAllBytes()).isEmpty();
            wire.close();
            count++;
        }
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, count);
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol);
        wire.send(peer.hello());
        wire.reset();
        await().until(() -> server.server.stats().open() == 1); // the bystander
        assertThat(server.ledger.books()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k4_aHelloInRecordsOfOneByteIsServed(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol);
        wire.send(recut(peer.hello(), 1));
        peer.finishHandshake().send("x");
        assertThat(peer.receive(1)).isEqualTo("x");
    }

    /** In TLS 1.2 the rest of a handshake is in the clear as well. */
    @Test
    void k4_theRestOfAHandshakeMayNotComeInAnyNumberOfRecords() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        wire.send(peer(wire, TLS12).hello());
        byte[] message = new byte[5 + 10_000];
        message[5] = 16; // ClientKeyExchange
        message[6] = 0;
        message[7] = 0x27;
        message[8] = 0x0c;
        CompletableFuture<Client> sending = async(() -> wire.send(recut(message, 1)));
        wire.discardAll();
        wire.close();
        sending.exceptionally(reset -> wire).get(20, TimeUnit.SECONDS);
        awaitCounted(server, CloseReason.TLS_ABUSE, 1);
    }

    @Test
    void k5_aHelloThatPromisesSixteenMegabytesIsRefusedAtOnce() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect().send(new byte[] {22, 3, 1, 64, 0, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff});
        assertThat(alert(wire)).as("decode_error").isEqualTo(50);
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
    }

    @Test
    void handshakesBeyondTheLimitWaitAndAreServed() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(1), echo());
        Client holding = server.connect();
        TlsPeer peer = peer(holding, TLS13);
        holding.send(peer.hello());
        assertThat(peer.record()).as("its part of the handshake has begun").isNotEmpty();
        CompletableFuture<Client> second = async(() -> connect(server, TLS13));
        CompletableFuture<Client> third = async(() -> connect(server, TLS12));
        await().until(() -> server.server.stats().open() == 4); // and the bystander
        holding.close();
        assertThat(second.get(20, TimeUnit.SECONDS).exchange("second")).isEqualTo("second");
        assertThat(third.get(20, TimeUnit.SECONDS).exchange("third")).isEqualTo("third");
    }

    @Test
    void aHandshakeThatKeepsTheOthersWaitingGivesWay() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(2), echo());
        List<Client> holding = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Client wire = server.connect();
            TlsPeer peer = peer(wire, TLS13);
            wire.send(peer.hello());
            assertThat(peer.record()).isNotEmpty();
            holding.add(wire);
        }
        pass(Duration.ofMillis(1100));
        Client next = connect(server, TLS13);
        assertThat(next.exchange("x")).isEqualTo("x");
        awaitCounted(server, CloseReason.LIMIT_HANDSHAKES, 1);
        holding.get(0).discardAll();
        assertThat(server.ledger.books()).hasSize(1);
    }

    /** Whoever waits does so for a second at most, also when nobody else comes. */
    @Test
    void aHandshakeThatKeepsTheOnlyOtherWaitingGivesWayToo() throws Exception {
        TestServer server = secure(tls -> tls.maxHandshakes(1), echo());
        Client holding = server.connect();
        TlsPeer peer = peer(holding, TLS13);
        holding.send(peer.hello());
        assertThat(peer.record()).isNotEmpty();
        long began = System.nanoTime();
        assertThat(connect(server, TLS13).exchange("x")).isEqualTo("x");
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
        awaitCounted(server, CloseReason.LIMIT_HANDSHAKES, 1);
        holding.discardAll();
    }

    /** Beginnings that hold next to nothing are not counted: however many there are, whoever means it is served. */
    @Test
    void k19_handshakesThatNeverFinishLeaveTheOthersAlone() throws Exception {
        int ofEachKind = 300;
        TestServer server = watched(x -> {}, secured()).start(echo());
        server.canary();
        byte[] hello = peer(null, TLS13).hello();
        List<Long> healthy = new ArrayList<>();
        for (int i = 0; i < ofEachKind; i++) {
            server.connectFrom("127.0.0." + (2 + i % 50));
            server.connectFrom("127.0.0." + (2 + i % 50)).send(Arrays.copyOf(hello, 100));
            server.connectFrom("127.0.0." + (2 + i % 50)).send(hello);
            if (i % 50 == 0) {
                long began = System.nanoTime();
                Client client = connect(server, TLS13);
                assertThat(client.exchange("x")).isEqualTo("x");
                healthy.add(System.nanoTime() - began);
                client.close();
            }
        }
        healthy.sort(null);
        assertThat(Duration.ofNanos(healthy.get(healthy.size() / 2)))
                .as("a new connection, its handshake and an echo")
                .isLessThan(Duration.ofMillis(500));
    }

    /** The canary speaks TLS on the same endpoint. In a process of its own, since one has not the descriptors of both ends. */
    @Test
    @Tag("long")
    @Timeout(300)
    void k19_eighteenThousandHandshakesThatNeverFinishLeaveAHealthyClientAlone() throws Exception {
        try (ServerProcess server = new ServerProcess(
                List.of(),
                List.of("-Dtest.certificate=" + file("own", own)),
                engine(),
                ServerProcess.Behaviour.ECHO_OVER_TLS)) {
            Canary canary =
                    closeLater(new Canary(server.address(), 1, connected -> connected.secure(trusting, only(TLS13))));
            byte[] hello = peer(null, TLS13).hello();
            for (int i = 0; i < 6_000; i++) {
                String from = "127.0.0." + (2 + i % 50);
                closeLater(new Client(server.address(), from));
                closeLater(new Client(server.address(), from)).send(Arrays.copyOf(hello, 100));
                closeLater(new Client(server.address(), from)).send(hello);
            }
            try (Client late = new Client(server.address()).secure(trusting, only(TLS13))) {
                assertThat(late.exchange("x")).isEqualTo("x");
            }
            canary.close();
        }
    }

    // ---- What a peer may do wrong, or too often ----

    @Test
    void k22_anEndRightBehindTheHelloIsAnEnd() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        byte[] hello = peer(wire, TLS12).hello();
        wire.send(hello).send(new byte[] {21, 3, 3, 0, 2, 1, 0});
        wire.discardAll();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 1);
        Client fatal = server.connect();
        fatal.send(hello).send(new byte[] {21, 3, 3, 0, 2, 2, 40});
        fatal.discardAll();
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 2);
    }

    @ParameterizedTest
    @CsvSource({
        "TLSv1.2, 18433",
        "TLSv1.2, 17409",
        "TLSv1.2, 65535",
        "TLSv1.3, 16641",
        "TLSv1.3, 17409",
        "TLSv1.3, 65535"
    })
    void k6_recordsOverTheLimitEndTheConnection(String protocol, int length) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake().send("before");
        assertThat(peer.receive(6)).isEqualTo("before");
        byte[] record = new byte[5 + length];
        record[0] = 23;
        record[1] = 3;
        record[2] = 3;
        record[3] = (byte) (length >> 8);
        record[4] = (byte) length;
        CompletableFuture<Client> sending = async(() -> wire.send(record));
        assertThat(peer.refusal()).contains("fatal alert");
        wire.close();
        sending.exceptionally(reset -> wire).get(20, TimeUnit.SECONDS);
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_PROTOCOL_ERROR);
        assertThat(server.book(wire).received()).asString().isEqualTo("before");
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void aForgedRecordEndsTheConnectionAndIsNotDelivered(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, protocol).handshake();
        byte[] good = peer.seal("good".getBytes(US_ASCII));
        wire.send(concat(good, forged(peer)));
        assertThat(peer.refusal()).contains("bad_record_mac");
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_PROTOCOL_ERROR);
        assertThat(server.book(wire).received()).asString().isEqualTo("good");
    }

    @Test
    void k7_renegotiationIsRefused() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS12).handshake().send("x");
        assertThat(peer.receive(1)).isEqualTo("x");
        wire.send(peer.renewal());
        wire.discardAll();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_ABUSE);
    }

    @Test
    void newKeysAreAgreedOnInTheMidstOfAStream() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13).handshake();
        for (int i = 0; i < 100; i++) {
            wire.send(peer.renewal());
            peer.send("message");
            assertThat(peer.receive(7)).isEqualTo("message");
        }
    }

    @Test
    void k8_aFloodOfKeyUpdatesIsAbuse() throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13).handshake();
        ByteArrayOutputStream flood = new ByteArrayOutputStream();
        for (int i = 0; i < 100; i++) {
            flood.writeBytes(peer.renewal());
        }
        wire.send(flood.toByteArray());
        wire.discardAll();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isEqualTo(CloseReason.TLS_ABUSE);
    }

    @ParameterizedTest
    @ValueSource(strings = {TLS12, TLS13})
    void k8_aFloodOfChangeCipherSpecEndsTheConnection(String protocol) throws Exception {
        TestServer server = secure(echo());
        Client wire = server.connect();
        peer(wire, protocol).handshake();
        ByteArrayOutputStream flood = new ByteArrayOutputStream();
        for (int i = 0; i < 100; i++) {
            flood.writeBytes(new byte[] {20, 3, 3, 0, 1, 1});
        }
        wire.send(flood.toByteArray());
        wire.discardAll();
        wire.close();
        assertThat(server.book(wire).awaitClosed()).isIn(CloseReason.TLS_PROTOCOL_ERROR, CloseReason.TLS_ABUSE);
    }

    // ---- What an application may do wrong ----

    private SSLContext choosing(Consumer<Void> chooses) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                new KeyManager[] {
                    new Always(own) {
                        @Override
                        public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
                            chooses.accept(null);
                            return super.chooseEngineServerAlias(type, issuers, engine);
                        }
                    }
                },
                null,
                null);
        return context;
    }

    @Test
    void k20_aTaskThatThrowsEndsItsConnectionOnly() throws Exception {
        SSLContext broken = choosing(nothing -> {
            throw new IllegalStateException("by the test");
        });
        TestServer server = server(x -> {}, e -> e.secureSockets(tls -> tls.context(broken)))
                .start(echo());
        for (int i = 0; i < 3; i++) {
            Client wire = server.connect();
            wire.send(peer(wire, TLS13).hello());
            wire.discardAll();
            wire.close();
        }
        awaitCounted(server, CloseReason.TLS_HANDSHAKE_FAILED, 3);
    }

    @Test
    void k20_aTaskThatBlocksHoldsUpNoLoopAndEndsWithTheStop() throws Exception {
        CountDownLatch blocked = new CountDownLatch(1);
        CompletableFuture<Void> interrupted = new CompletableFuture<>();
        SSLContext blocking = choosing(nothing -> {
            blocked.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException stop) {
                pass(Duration.ofMillis(300)); // no thread is left behind for it
                interrupted.complete(null);
            }
        });
        TestServer server = watched(x -> {}, e -> e.secureSockets(tls -> tls.context(blocking)))
                .start(echo());
        server.canary();
        Client wire = server.connect();
        wire.send(peer(wire, TLS13).hello());
        assertThat(blocked.await(20, TimeUnit.SECONDS)).isTrue();
        pass(Duration.ofMillis(300));
        server.close();
        interrupted.get(20, TimeUnit.SECONDS);
    }

    /** Whatever an engine answers, each connection comes to its end, and no loop goes round in circles. */
    @Test
    void k21_everyStatusInAnyOrderLeadsToTheEnd() throws Exception {
        long seed = System.nanoTime();
        SSLContext random = new RandomTls(seed);
        TestServer server = server(
                        x -> {},
                        e -> e.secureSockets(tls -> tls.context(random).handshakeTimeout(Duration.ofSeconds(2))))
                .start(echo());
        byte[] hello = peer(null, TLS13).hello();
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            Client client = server.connect();
            clients.add(client);
            client.send(hello);
        }
        for (Client client : clients) {
            try {
                client.send(new byte[] {23, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 1, 0})
                        .endOutput();
                client.discardAll();
            } catch (SocketException ended) {
                assertThat(ended).hasMessageMatching("(?i).*(reset|broken pipe).*");
            }
            client.close();
        }
        await().untilAsserted(() -> assertThat(server.server.stats().open())
                .as("seed %s: only the bystander is left", seed)
                .isEqualTo(1));
        logs.take("socket failed");
    }

    // ---- Behind a proxy ----

    private static final byte[] PROXY_HEADER = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".getBytes(US_ASCII);

    private TestServer securedBehindProxy(Consumer<ServerConfigurator> options) {
        return server(options, secured().andThen(e -> e.proxyProtocol(ProxyProtocol.requiredFrom("127.0.0.1"))))
                .start(echo());
    }

    @Test
    void l12_aProxyHeaderStandsBeforeTheHandshake() throws Exception {
        TestServer server = securedBehindProxy(x -> {});
        Client wire = server.connect();
        TlsPeer peer = peer(wire, TLS13);
        wire.send(concat(PROXY_HEADER, peer.hello()));
        assertThat(peer.finishHandshake().send("ping").receive(4)).isEqualTo("ping");
        SocketHandle socket = server.ledger.book(new InetSocketAddress("192.0.2.1", 56324)).socket;
        assertThat(socket.proxyHeader()).isPresent();
        assertThat(socket.tls()).isPresent();
    }

    /** Who has too many connections is not waited for, and costs no handshake. */
    @Test
    void b8_theLimitOfAnAddressIsAppliedBeforeTheHandshake() throws Exception {
        TestServer server = securedBehindProxy(x -> x.maxConnectionsPerAddress(1));
        Client wire = server.connect().send(PROXY_HEADER);
        TlsPeer peer = peer(wire, TLS13).handshake();
        Client second = server.connect().send(PROXY_HEADER);
        assertThat(second.isReset()).isTrue();
        awaitCounted(server, CloseReason.LIMIT_ADDRESS, 1);
        assertThat(peer.send("ping").receive(4)).isEqualTo("ping");
        assertThat(server.ledger.books()).hasSize(1);
    }
}
