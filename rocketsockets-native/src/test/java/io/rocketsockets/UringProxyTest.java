package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What holds for plain connections holds for those that a proxy passes on: the contracts on io_uring. */
@Tag("long")
class UringProxyTest {
    private interface UringProxied extends OverProxy {
        @Override
        default String engine() {
            return "io_uring";
        }

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
    class Accept extends AcceptContract implements UringProxied {
        @Disabled("places in a table of the ring are no descriptors, as the contract of this engine shows")
        @Override
        void b1_outOfDescriptorsLiveSocketsGoOnAndAcceptingResumesOnceThereAreSome() {}
    }

    @Nested
    class Read extends ReadContract implements UringProxied {
        @Disabled("its peer is a channel of its own, which sends no header")
        @Override
        void c4_stoppedReadingClosesTheWindow() {}
    }

    @Nested
    class Write extends WriteContract implements UringProxied {}

    @Nested
    class Close extends CloseContract implements UringProxied {
        @Disabled("netcat sends no header")
        @Override
        void e1_netcatGetsItsEcho() {}
    }

    @Nested
    class Callbacks extends CallbackContract implements UringProxied {}

    @Nested
    class Moves extends MoveContract implements UringProxied {}

    @Nested
    class Counts extends CountContract implements UringProxied {}

    @Nested
    class HalfClose extends HalfCloseContract implements UringProxied {}

    @Nested
    class Timeout extends TimeoutContract implements UringProxied {}

    @Nested
    class Watch extends WatchContract implements UringProxied {}
}
