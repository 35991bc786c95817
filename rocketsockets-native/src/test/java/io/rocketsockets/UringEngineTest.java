package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;

/** Every contract, on io_uring. */
class UringEngineTest {
    private interface Uring extends EngineUnderTest {
        @Override
        default String engine() {
            return "io_uring";
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
    class Accept extends AcceptContract implements Uring {}

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
    class Admission extends AdmissionContract implements Uring {}

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
}
