package io.rocketsockets;

import static io.rocketsockets.TimerWheel.TICK_NANOS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportHandler;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.TlsConfiguration;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What seldom happens, and must do no harm when it does. */
class RareCasesTest {
    @Test
    void connectionsRefusedByALoopThatHasEndedAreCountedAsClosed() {
        Connections connections =
                new Connections(ServerConfiguration.of(x -> x.useDefaultEndpoint()), socket -> bytes -> {});
        EventLoop loop = new EventLoop(0, new FakeEngine(), 1024, connections.all());
        loop.meter.accepted();
        loop.stopWhenEmpty();
        loop.execute(new Connection(endpoint("e", "*"), connections, new FakeTransport(), null, loop).new Adoption());
        loop.run();
        ServerStats stats = LoopMeter.sum(List.of(loop.meter), List.of());
        assertThat(stats.closed().values().stream().mapToLong(n -> n).sum()).isEqualTo(stats.accepted());
    }

    @Test
    void aFailingRefusalLeavesTheMailboxClosedAndTheOthersRefused() {
        Mailbox mailbox = new Mailbox();
        List<Integer> refused = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            int number = i;
            mailbox.post(new Mailbox.Message() {
                @Override
                void deliver() {}

                @Override
                void refuse() {
                    refused.add(number);
                    throw new IllegalStateException("close failed");
                }
            });
        }
        mailbox.close();
        assertThat(refused).containsExactly(0, 1);
    }

    @Test
    void pollLeavesAClosedMailboxClosed() {
        Mailbox mailbox = new Mailbox();
        mailbox.close();
        mailbox.poll();
        assertThat(mailbox.post(new Mailbox.Message() {
                    @Override
                    void deliver() {}
                }))
                .isEqualTo(Mailbox.Posted.REFUSED);
    }

    @Test
    void aTimerThatSetsItselfForNowInAFreezeFiresWithinATick() {
        TimerWheel wheel = new TimerWheel(0);
        int[] fired = new int[1];
        long freeze = 1000 * TICK_NANOS;
        // In the slot that the catch-up visits last.
        wheel.set(
                new TimerWheel.Timer() {
                    @Override
                    void fire() {
                        if (fired[0]++ == 0) {
                            wheel.set(this, freeze);
                        }
                    }
                },
                512 * TICK_NANOS);
        wheel.advance(freeze);
        wheel.advance(freeze + TICK_NANOS);
        assertThat(fired[0]).isEqualTo(2);
    }

    @Test
    void aTimerThatThrowsDoesNotDelayTheOthers() {
        TimerWheel wheel = new TimerWheel(0);
        int[] fired = new int[1];
        for (int i = 0; i < 2; i++) {
            wheel.set(
                    new TimerWheel.Timer() {
                        @Override
                        void fire() {
                            fired[0]++;
                            throw new IllegalStateException("fire");
                        }
                    },
                    TICK_NANOS);
        }
        assertThatThrownBy(() -> wheel.advance(TICK_NANOS)).isInstanceOf(IllegalStateException.class);
        assertThat(wheel.nanosToNext(TICK_NANOS)).isBetween(0L, TICK_NANOS);
    }

    @Test
    void aWriteQueueLimitOfZeroIsRefused() {
        assertThatThrownBy(() -> ServerConfiguration.of(
                        x -> x.useDefaultEndpoint().writeWaterMarks(0, 0).writeQueueLimit(0)))
                .isInstanceOf(ServerConfigurationException.class);
    }

    @Test
    void aBlankHostOfARecordIsRefused() {
        assertThatThrownBy(() -> new ServerConfiguration(
                        List.of(endpoint("e", "  ")),
                        "nio",
                        1,
                        1024,
                        1024,
                        0,
                        1,
                        1,
                        1,
                        ConnectionLimits.NONE,
                        LoadBalancer.roundRobin(),
                        true,
                        Duration.ZERO,
                        List.of(),
                        null,
                        CertificateFiles.NONE))
                .isInstanceOf(ServerConfigurationException.class);
    }

    @Test
    void nullsInRecordsAreErrorsOfTheConfiguration() {
        assertThatThrownBy(() -> new ServerConfiguration(
                        List.of(endpoint(null, "*")),
                        "nio",
                        1,
                        1024,
                        1024,
                        0,
                        1,
                        1,
                        1,
                        ConnectionLimits.NONE,
                        LoadBalancer.roundRobin(),
                        true,
                        Duration.ZERO,
                        List.of(),
                        null,
                        CertificateFiles.NONE))
                .isInstanceOf(ServerConfigurationException.class);
    }

    @Test
    void theGatheredArrayDoesNotHoldWhatWasSent() throws Exception {
        WriteBuffers buffers = new WriteBuffers(1024);
        WriteQueue queue = new WriteQueue();
        queue.add(ByteBuffer.allocate(100_000), false, buffers);
        queue.flush(new FakeTransport(), buffers);
        assertThat(buffers.gathered).containsOnlyNulls();
    }

    private static final class FakeTransport implements Transport {
        @Override
        public SocketAddress remoteAddress() {
            return new InetSocketAddress(0);
        }

        @Override
        public SocketAddress localAddress() {
            return new InetSocketAddress(0);
        }

        @Override
        public void detach() {}

        @Override
        public void startReading() {}

        @Override
        public void stopReading() {}

        @Override
        public long write(ByteBuffer[] b, int count) {
            long n = 0;
            for (int i = 0; i < count; i++) {
                n += b[i].remaining();
                b[i].position(b[i].limit());
            }
            return n;
        }

        @Override
        public void shutdownOutput() {}

        @Override
        public void close() {}

        @Override
        public void reset() {}
    }

    private static final class FakeEngine implements Engine {
        @Override
        public Listener listen(SocketAddress address, ListenOptions options, AcceptHandler handler) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void adopt(Transport transport, TransportHandler handler) {}

        @Override
        public int poll(long timeoutNanos) {
            return 0;
        }

        @Override
        public void dispatch() {}

        @Override
        public void wakeup() {}

        @Override
        public void close() {}
    }

    private static EndpointConfiguration endpoint(String name, String host) {
        return new EndpointConfiguration(
                name,
                host,
                1,
                EndpointConfiguration.NO_DESCRIPTOR,
                "600",
                1,
                false,
                TlsConfiguration.DEFAULT,
                0,
                false,
                null,
                Duration.ZERO,
                ProxyProtocol.OFF,
                Timeouts.DEFAULT);
    }
}
