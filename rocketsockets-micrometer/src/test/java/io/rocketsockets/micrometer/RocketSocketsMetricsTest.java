package io.rocketsockets.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.search.RequiredSearch;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.rocketsockets.RocketServer;
import io.rocketsockets.SocketServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RocketSocketsMetricsTest {
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final SocketServer server = RocketServer.create(
            x -> x.eventLoops(2).addEndpoint("e", e -> e.bindTo("127.0.0.1").port(0)));

    @AfterEach
    void stop() {
        server.stop();
    }

    private void start() {
        server.start(socket -> {
            socket.startReading();
            return bytes -> socket.write(bytes);
        });
    }

    private Socket exchange(int bytes) throws IOException {
        InetSocketAddress address = (InetSocketAddress) server.localAddress("e");
        Socket client = new Socket(address.getAddress(), address.getPort());
        client.setSoTimeout(20_000);
        client.getOutputStream().write(new byte[bytes]);
        assertThat(client.getInputStream().readNBytes(bytes)).hasSize(bytes);
        return client;
    }

    private RequiredSearch meter(String name, String... tags) {
        return registry.get("rocketsockets." + name).tags(tags);
    }

    @Test
    void metersShowWhatTheServerCounts() throws Exception {
        start();
        new RocketSocketsMetrics(server).bindTo(registry);
        exchange(3).close();
        try (Socket open = exchange(5)) {
            await().until(() ->
                    server.stats().closed().size() == 1 && server.stats().bytesWritten() == 8);
            assertThat(open.isConnected()).isTrue();
            assertThat(meter("connections.accepted").functionCounter().count()).isEqualTo(2);
            assertThat(meter("connections.open").gauge().value()).isEqualTo(1);
            assertThat(meter("connections.closed", "reason", "PEER_CLOSED")
                            .functionCounter()
                            .count())
                    .isEqualTo(1);
            assertThat(meter("connections.closed", "reason", "ERROR")
                            .functionCounter()
                            .count())
                    .isZero();
            assertThat(meter("bytes.read", "loop", "0").functionCounter().count())
                    .isEqualTo(3);
            assertThat(meter("bytes.written", "loop", "1").functionCounter().count())
                    .isEqualTo(5);
            assertThat(meter("loop.connections", "loop", "0").gauge().value()).isZero();
            assertThat(meter("loop.connections", "loop", "1").gauge().value()).isEqualTo(1);
            assertThat(meter("loop.busy", "loop", "1").gauge().value()).isBetween(0.0, 1.0);
            assertThat(meter("loop.mailbox", "loop", "1").gauge().value()).isZero();
            assertThat(meter("loop.turn.longest", "loop", "1").timeGauge().value(TimeUnit.NANOSECONDS))
                    .isPositive();
            assertThat(meter("loop.turn.mean", "loop", "1").timeGauge().value(TimeUnit.NANOSECONDS))
                    .isNotNegative();
        }
    }

    @Test
    void movesAreCountedWhereTheyGoAndWhereTheyCome() throws Exception {
        server.start(socket -> {
            socket.startReading();
            socket.moveTo(1);
            return bytes -> socket.write(bytes);
        });
        new RocketSocketsMetrics(server).bindTo(registry);
        try (Socket open = exchange(1)) {
            assertThat(open.isConnected()).isTrue();
            assertThat(meter("loop.moves", "loop", "0", "direction", "out")
                            .functionCounter()
                            .count())
                    .isEqualTo(1);
            assertThat(meter("loop.moves", "loop", "1", "direction", "in")
                            .functionCounter()
                            .count())
                    .isEqualTo(1);
        }
    }

    @Test
    void tagsTellServersApart() {
        start();
        new RocketSocketsMetrics(server, Tags.of("server", "chat")).bindTo(registry);
        assertThat(registry.getMeters())
                .extracting(Meter::getId)
                .isNotEmpty()
                .allSatisfy(id -> assertThat(id.getTag("server")).isEqualTo("chat"));
    }

    @Test
    void aServerThatHasNotStartedIsRefused() {
        RocketSocketsMetrics metrics = new RocketSocketsMetrics(server);
        assertThatThrownBy(() -> metrics.bindTo(registry))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("state=STOPPED")
                .hasMessageContaining("once the server has started");
        assertThat(registry.getMeters()).isEmpty();
    }
}
