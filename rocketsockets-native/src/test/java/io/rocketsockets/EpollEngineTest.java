package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** Every contract, on epoll. */
class EpollEngineTest {
    private interface Epoll extends EngineUnderTest {
        @Override
        default String engine() {
            return "epoll";
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().epoll();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no epoll: " + refusal.get());
    }

    @Nested
    class StartStop extends StartStopContract implements Epoll {}

    @Nested
    class Accept extends AcceptContract implements Epoll {}

    @Nested
    class Read extends ReadContract implements Epoll {}

    @Nested
    class Write extends WriteContract implements Epoll {}

    @Nested
    class Close extends CloseContract implements Epoll {}

    @Nested
    class Callbacks extends CallbackContract implements Epoll {}

    @Nested
    class Moves extends MoveContract implements Epoll {}

    @Nested
    class Counts extends CountContract implements Epoll {}

    @Nested
    class Admission extends AdmissionContract implements Epoll {}

    @Nested
    class Timeout extends TimeoutContract implements Epoll {}

    @Nested
    class HalfClose extends HalfCloseContract implements Epoll {}

    @Nested
    class Memory extends MemoryContract implements Epoll {}

    @Nested
    class Faults extends FaultContract implements Epoll {}

    @Nested
    class Network extends NetworkContract implements Epoll {}

    @Nested
    class Proxy extends ProxyContract implements Epoll {}

    @Nested
    class Hangs extends HangContract implements Epoll {}

    @Nested
    class Watch extends WatchContract implements Epoll {}

    @Nested
    class ProxyHeader extends ProxyHeaderContract implements Epoll {}

    @Nested
    class Tls extends TlsContract implements Epoll {}

    @Nested
    @Tag("long")
    class TlsIdentities extends TlsIdentityContract implements Epoll {}

    @Nested
    @Tag("long")
    class TlsHandshakes extends TlsHandshakeContract implements Epoll {}

    @Nested
    class UnixSockets extends UnixSocketContract implements Epoll {}

    @Nested
    class Scale extends ScaleContract implements Epoll {}

    @Nested
    class Processes extends ProcessContract implements Epoll {}

    @Nested
    @Tag("long")
    class Tools extends ToolContract implements Epoll {}
}
