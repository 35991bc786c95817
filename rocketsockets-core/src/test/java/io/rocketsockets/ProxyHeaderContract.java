package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.proxy.ProxyHeader;
import io.rocketsockets.proxy.ProxyProtocol;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Group L: connections that come through a proxy which says whose they are. */
abstract class ProxyHeaderContract extends EngineContract {
    private static final String V1 = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
    private static final String V2 =
            "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\0\u000c\u00c0\0\2\1\u00c6\u0033\u0064\7" + "\u00dc\4\u0001\u00bb";
    private static final InetSocketAddress CLIENT = new InetSocketAddress("192.0.2.1", 56324);
    private static final InetSocketAddress DESTINATION = new InetSocketAddress("198.51.100.7", 443);

    private TestServer behind(ProxyProtocol rules, SocketSessionFactory application) {
        return server(x -> {}, e -> e.proxyProtocol(rules)).start(application);
    }

    private TestServer behindLoopback() {
        return behind(ProxyProtocol.requiredFrom("127.0.0.0/8"), echo());
    }

    private static byte[] raw(String text) {
        return text.getBytes(ISO_8859_1);
    }

    /** A connection that ended before it had a session is only counted. */
    private static void awaitCounted(TestServer server, CloseReason reason, long count) {
        await().untilAsserted(() -> assertThat(server.server.stats().closed()).containsEntry(reason, count));
        assertThat(server.ledger.books()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {V1, V2})
    void theHandleTellsTheClient(String header) throws Exception {
        TestServer server = behindLoopback();
        Client client = server.connect().send(raw(header));
        assertThat(client.exchange("ping")).isEqualTo("ping");
        SocketHandle socket = server.ledger.book(CLIENT).socket;
        assertThat(socket.remoteAddress()).isEqualTo(CLIENT);
        assertThat(socket.localAddress()).isEqualTo(DESTINATION);
        assertThat(socket.proxyHeader().orElseThrow().relayed()).isTrue();
        client.close();
        assertThat(server.ledger.book(CLIENT).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        assertThat(socket.remoteAddress()).isEqualTo(CLIENT);
    }

    @Test
    void aServerMaySpeakFirstBehindAProxy() throws Exception {
        TestServer server = behind(ProxyProtocol.requiredFrom("127.0.0.1"), socket -> {
            socket.write(bytes("hello"));
            return bytes -> {};
        });
        Client client = server.connect().send(raw(V1));
        assertThat(client.receive(5)).isEqualTo("hello");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PROXY TCP9 \r\n", "GET / HTTP/1.1\r\n\r\n", "\u0016\3\1\2\0\1"})
    void l1_aPeerWithoutAHeaderIsClosedBeforeItHasASession(String bytes) throws Exception {
        TestServer server = behindLoopback();
        Client client = server.connect().send(raw(bytes));
        assertThat(client.isReset() || client.read() < 0).isTrue();
        awaitCounted(server, CloseReason.PROXY_INVALID, 1);
    }

    @Test
    void l3_aHeaderThatEndsWithItsStreamIsNone() throws Exception {
        TestServer server = behindLoopback();
        server.connect().send("PROXY TCP4 1.2").endOutput();
        awaitCounted(server, CloseReason.PROXY_INVALID, 1);
    }

    @Test
    void aProbeThatSaysNothingIsAPeerThatClosed() throws Exception {
        TestServer server = behindLoopback();
        server.connect().endOutput();
        awaitCounted(server, CloseReason.PEER_CLOSED, 1);
    }

    @Test
    void l10_aSecondHeaderIsPayload() throws Exception {
        TestServer server = behindLoopback();
        Client client = server.connect().send(raw(V1 + V1 + V2));
        assertThat(new String(client.receiveBytes(V1.length() + V2.length()), ISO_8859_1))
                .isEqualTo(V1 + V2);
    }

    @ParameterizedTest
    @ValueSource(strings = {V1, V2})
    void l11_aHeaderSplitAnywhereIsTheSameHeader(String header) throws Exception {
        TestServer server = behindLoopback();
        for (int at = 1; at < header.length(); at++) {
            Client client = server.connect().send(raw(header.substring(0, at)));
            await().until(() -> server.server.stats().open() > 0);
            client.send(raw(header.substring(at) + "ping"));
            assertThat(client.receive(4)).isEqualTo("ping");
            assertThat(server.ledger.book(CLIENT).socket.localAddress()).isEqualTo(DESTINATION);
            client.close();
        }
    }

    @Test
    void l11_payloadBehindTheHeaderWaitsUntilItIsAskedFor() throws Exception {
        TestServer server = behind(ProxyProtocol.requiredFrom("127.0.0.1"), idle());
        Client client = server.connect().send(raw(V2 + "first"));
        Ledger.Book book = server.ledger.book(CLIENT);
        client.send("second");
        book.awaitTurns();
        assertThat(book.received()).isEmpty();
        book.socket.read();
        book.awaitDeliveries(1);
        assertThat(book.received()).asString().isEqualTo("first");
        book.socket.startReading();
        book.awaitReceived(11);
        assertThat(book.received()).asString().isEqualTo("firstsecond");
    }

    @Test
    void payloadBehindTheHeaderMovesWithItsConnection() throws Exception {
        TestServer server = server(x -> x.eventLoops(2), e -> e.proxyProtocol(ProxyProtocol.requiredFrom("127.0.0.1")))
                .start(socket -> {
                    socket.moveTo(0);
                    socket.moveTo(1);
                    socket.startReading();
                    return socket::write;
                });
        byte[] payload = random(7, 300_000);
        for (int i = 0; i < 20; i++) {
            Client client = server.connect();
            client.send(raw(V1));
            async(() -> client.send(payload));
            assertThat(client.receiveBytes(payload.length)).isEqualTo(payload);
            client.close();
        }
    }

    @Test
    void l13_aHeaderOfSomebodyElseIsRefused() throws Exception {
        TestServer server = behind(ProxyProtocol.requiredFrom("127.0.0.2"), echo());
        try {
            assertThat(server.connect().isReset()).isTrue();
        } catch (SocketException resetBeforeItWasUsed) {
            assertThat(resetBeforeItWasUsed).hasMessageContaining("reset");
        }
        awaitCounted(server, CloseReason.PROXY_UNTRUSTED, 1);
        assertThat(server.connectFrom("127.0.0.2").send(raw(V1)).exchange("ping"))
                .isEqualTo("ping");
    }

    @Test
    void l13_whereAHeaderIsOptionalThatOfSomebodyElseIsPayload() throws Exception {
        TestServer server = behind(ProxyProtocol.optionalFrom("127.0.0.2"), echo());
        Client direct = server.connect();
        assertThat(direct.exchange(V1)).isEqualTo(V1);
        assertThat(server.socket(direct).remoteAddress()).isEqualTo(direct.address());
        Client proxy = server.connectFrom("127.0.0.2").send(raw(V1));
        assertThat(proxy.exchange("ping")).isEqualTo("ping");
        assertThat(server.ledger.book(CLIENT).socket.proxyHeader()).isPresent();
        Client healthCheck = server.connectFrom("127.0.0.2");
        assertThat(healthCheck.send("PRO").exchange("BE123")).isEqualTo("PROBE");
        assertThat(server.socket(healthCheck).proxyHeader()).isEmpty();
    }

    @Test
    void g5_aHeaderThatNeverCompletesIsCutOff() throws Exception {
        Duration limit = Duration.ofMillis(400);
        TestServer server = behind(ProxyProtocol.requiredFrom("127.0.0.1").headerTimeout(limit), echo());
        long start = System.nanoTime();
        Client client = server.connect().send("PROXY TCP4 ");
        assertThat(client.isReset()).isTrue();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(limit, limit.plusMillis(500));
        awaitCounted(server, CloseReason.TIMEOUT_PROXY, 1);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void b8_theLimitOfAnAddressIsTheClients() throws Exception {
        TestServer server = server(
                        x -> x.maxConnectionsPerAddress(2),
                        e -> e.proxyProtocol(ProxyProtocol.requiredFrom("127.0.0.1")))
                .start(echo());
        Client first = server.connect().send(raw(V1));
        assertThat(first.exchange("a")).isEqualTo("a");
        assertThat(server.connect().send(raw(V1)).exchange("b")).isEqualTo("b");
        assertThat(server.connect().send(raw(V1)).isReset()).isTrue();
        assertThat(server.connect()
                        .send("PROXY TCP4 192.0.2.2 198.51.100.7 1 2\r\n")
                        .exchange("c"))
                .isEqualTo("c");
        first.close();
        await().until(() -> {
            try {
                return server.connect().send(raw(V1)).exchange("d").equals("d");
            } catch (IOException refused) {
                return false;
            }
        });
        assertThat(server.server.stats().closed()).containsKey(CloseReason.LIMIT_ADDRESS);
    }

    // ---- Real proxies ----

    private static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0)) {
            return any.getLocalPort();
        }
    }

    /** A proxy in a process of its own, until the test ends. */
    private Client through(Path folder, int port, String configuration, String... command) throws Exception {
        assumeTrue(
                List.of(System.getenv("PATH").split(":")).stream()
                        .anyMatch(path -> Files.isExecutable(Path.of(path, command[0]))),
                "skipped: no " + command[0] + " on this machine");
        Files.writeString(folder.resolve("proxy.conf"), configuration, UTF_8);
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("proxy.log").toFile())
                .start();
        closeLater(() -> {
            process.destroy();
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        });
        await().until(() -> {
            assertThat(process.isAlive())
                    .as(() -> command[0] + " says " + log(folder))
                    .isTrue();
            try {
                new Client(new InetSocketAddress("127.0.0.1", port)).close();
                return true;
            } catch (IOException notYet) {
                return false;
            }
        });
        return closeLater(new Client(new InetSocketAddress("127.0.0.1", port)));
    }

    private static String log(Path folder) {
        try {
            return Files.readString(folder.resolve("proxy.log"));
        } catch (IOException unreadable) {
            return unreadable.toString();
        }
    }

    private static int port(TestServer server) {
        return ((InetSocketAddress) server.address()).getPort();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "send-proxy",
                "send-proxy-v2",
                "send-proxy-v2-ssl-cn",
                "send-proxy-v2 proxy-v2-options crc32c,unique-id"
            })
    void l14_haproxyTellsItsClient(String option, @TempDir Path folder) throws Exception {
        TestServer server = behindLoopback();
        int port = freePort();
        Client client =
                through(folder, port, """
                defaults
                    mode tcp
                    timeout connect 5s
                    timeout client 20s
                    timeout server 20s
                listen test
                    bind 127.0.0.1:%d
                    server echo 127.0.0.1:%d %s
                """.formatted(port, port(server), option), "haproxy", "-db", "-f", "proxy.conf");
        tellsItsClient(server, client, port);
        if (option.endsWith("ssl-cn")) {
            assertThat(server.book(client).socket.proxyHeader().orElseThrow().tlv(ProxyHeader.SSL))
                    .as("which tells that the client spoke no TLS")
                    .isPresent();
        }
    }

    @Test
    void l14_nginxTellsItsClient(@TempDir Path folder) throws Exception {
        assumeTrue(
                Files.exists(Path.of("/usr/lib/nginx/modules/ngx_stream_module.so")),
                "skipped: nginx has no stream module here (Debian: libnginx-mod-stream)");
        TestServer server = behindLoopback();
        int port = freePort();
        Client client = through(
                folder, port, """
                load_module /usr/lib/nginx/modules/ngx_stream_module.so;
                daemon off;
                pid nginx.pid;
                error_log stderr;
                events {}
                stream {
                    server {
                        listen 127.0.0.1:%d;
                        proxy_pass 127.0.0.1:%d;
                        proxy_protocol on;
                    }
                }
                """.formatted(port, port(server)), "nginx", "-p", folder.toString(), "-c", "proxy.conf");
        tellsItsClient(server, client, port);
    }

    private static void tellsItsClient(TestServer server, Client client, int port) throws IOException {
        assertThat(client.exchange("ping")).isEqualTo("ping");
        SocketHandle socket = server.book(client).socket;
        assertThat(socket.remoteAddress()).isEqualTo(client.address());
        assertThat(socket.localAddress()).isEqualTo(new InetSocketAddress("127.0.0.1", port));
        byte[] payload = random(14, 1_000_000);
        async(() -> client.send(payload));
        assertThat(client.receiveBytes(payload.length)).isEqualTo(payload);
    }
}
