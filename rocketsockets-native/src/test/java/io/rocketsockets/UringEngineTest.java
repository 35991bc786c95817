package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every contract, on io_uring. */
class UringEngineTest {
    private interface Uring extends EngineUnderTest {
        @Override
        default String engine() {
            return "io_uring";
        }

        /** A ring takes submissions from one thread only (IORING_SETUP_SINGLE_ISSUER). */
        @Override
        default boolean isBoundToItsThread() {
            return true;
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().uring();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no io_uring: " + refusal.get());
    }

    @Nested
    class StartStop extends StartStopContract implements Uring {}

    @Nested
    class Accept extends AcceptContract implements Uring {
        /** Connections are places in a table of the ring, which the limit does not count. */
        @Override
        @Test
        void b1_outOfDescriptorsLiveSocketsGoOnAndAcceptingResumesOnceThereAreSome() throws Exception {
            assumeTrue(Files.isExecutable(Path.of("/usr/bin/prlimit")), "skipped: no prlimit (apt install util-linux)");
            try (ServerProcess server = new ServerProcess(engine());
                    Client first = new Client(server.address())) {
                assertThat(first.exchange("before")).isEqualTo("before"); // and the classes are loaded
                server.limitDescriptors(server.highestDescriptor() + 1);
                List<Client> clients = new ArrayList<>();
                for (int i = 0; i < 50; i++) {
                    clients.add(closeLater(new Client(server.address())));
                }
                for (Client client : clients) {
                    assertThat(client.exchange("x")).isEqualTo("x");
                }
                server.limitDescriptors(1000); // its end needs some
            }
        }

        @Test
        void b4_whenTheTableIsFullPeersWaitAndAreServedOnceThereIsRoom() throws Exception {
            try (ServerProcess server = withTableOf(4, ServerProcess.Behaviour.ECHO);
                    Client canary = new Client(server.address())) {
                assertThat(canary.exchange("before")).isEqualTo("before");
                List<Client> clients = new ArrayList<>();
                for (int i = 0; i < 8; i++) {
                    clients.add(closeLater(new Client(server.address())));
                }
                // This is also the first line that the process logs.
                assertThat(server.nextLine()).contains("cannot accept for 100 ms: endpoint=default");
                server.lineWith("rocketsockets.io_uring.connectionsPerLoop=4");
                Duration cpu = server.cpu();
                server.lineWith("cannot accept for 800 ms");
                assertThat(server.cpu().minus(cpu)).as("CPU time in 0.7 s").isLessThan(Duration.ofMillis(350));
                assertThat(canary.exchange("during")).isEqualTo("during");
                for (Client client : clients) {
                    assertThat(client.exchange("at last")).isEqualTo("at last");
                    client.close();
                }
                assertThat(canary.exchange("after")).isEqualTo("after");
            }
        }
    }

    /** A server whose ring has so few places for connections. */
    private static ServerProcess withTableOf(int places, ServerProcess.Behaviour behaviour) throws Exception {
        return new ServerProcess(
                List.of(), List.of("-Drocketsockets.io_uring.connectionsPerLoop=" + places), "io_uring", behaviour);
    }

    @Nested
    class Read extends ReadContract implements Uring {}

    @Nested
    class Write extends WriteContract implements Uring {}

    @Nested
    class Close extends CloseContract implements Uring {}

    @Nested
    class Callbacks extends CallbackContract implements Uring {}

    @Nested
    class Moves extends MoveContract implements Uring {}

    @Nested
    class Counts extends CountContract implements Uring {}

    @Nested
    class Admission extends AdmissionContract implements Uring {
        /** What is used up is the table of the ring. */
        @Override
        @Test
        void b1_outOfDescriptorsNewPeersAreRefusedWhenTheyAreNotToWait() throws Exception {
            try (ServerProcess server = withTableOf(2, ServerProcess.Behaviour.ECHO_REFUSING_SURPLUS);
                    Client canary = new Client(server.address())) {
                Client other = closeLater(new Client(server.address()));
                assertThat(canary.exchange("before")).isEqualTo("before");
                assertThat(other.exchange("before")).isEqualTo("before");
                List<Client> surplus = new ArrayList<>();
                for (int i = 0; i < 10; i++) {
                    surplus.add(closeLater(new Client(server.address())));
                }
                assertThat(server.nextLine()).contains("cannot accept for 100 ms: endpoint=default", "refused=");
                for (Client each : surplus) {
                    assertThat(each.isReset()).isTrue();
                }
                assertThat(canary.exchange("during")).isEqualTo("during");
                other.close();
                try (Client next = new Client(server.address())) {
                    assertThat(next.exchange("after")).isEqualTo("after");
                }
            }
        }
    }

    @Nested
    class Timeout extends TimeoutContract implements Uring {}

    @Nested
    class HalfClose extends HalfCloseContract implements Uring {}

    @Nested
    class Memory extends MemoryContract implements Uring {}

    @Nested
    class Faults extends FaultContract implements Uring {}

    @Nested
    class Network extends NetworkContract implements Uring {}

    @Nested
    class Proxy extends ProxyContract implements Uring {}

    @Nested
    class Hangs extends HangContract implements Uring {}

    @Nested
    class Watch extends WatchContract implements Uring {}

    @Nested
    class ProxyHeader extends ProxyHeaderContract implements Uring {}

    @Nested
    class Tls extends TlsContract implements Uring {}

    @Nested
    @Tag("long")
    class TlsIdentities extends TlsIdentityContract implements Uring {}

    @Nested
    @Tag("long")
    class TlsHandshakes extends TlsHandshakeContract implements Uring {}

    @Nested
    class UnixSockets extends UnixSocketContract implements Uring {}

    @Nested
    class Scale extends ScaleContract implements Uring {}

    @Nested
    class Processes extends ProcessContract implements Uring {
        /** Its own buffers alone take more than the contract leaves. */
        @Override
        @Test
        void h5_withoutDirectMemoryForMoreChunksEverythingIsSentFromTheHeap() {
            abort("skipped: a ring takes 1 MiB for what it receives");
        }
    }
}
