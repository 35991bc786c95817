package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What holds for plain connections holds for those that a proxy passes on: the contracts on epoll. */
@Tag("long")
class EpollProxyTest {
    private interface EpollProxied extends OverProxy {
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
    class Accept extends AcceptContract implements EpollProxied {}

    @Nested
    class Read extends ReadContract implements EpollProxied {
        @Disabled("its peer is a channel of its own, which sends no header")
        @Override
        void c4_stoppedReadingClosesTheWindow() {}
    }

    @Nested
    class Write extends WriteContract implements EpollProxied {}

    @Nested
    class Close extends CloseContract implements EpollProxied {
        @Disabled("netcat sends no header")
        @Override
        void e1_netcatGetsItsEcho() {}
    }

    @Nested
    class Callbacks extends CallbackContract implements EpollProxied {}

    @Nested
    class Moves extends MoveContract implements EpollProxied {}

    @Nested
    class Counts extends CountContract implements EpollProxied {}

    @Nested
    class HalfClose extends HalfCloseContract implements EpollProxied {}

    @Nested
    class Timeout extends TimeoutContract implements EpollProxied {}

    @Nested
    class Hangs extends HangContract implements EpollProxied {}

    @Nested
    class Watch extends WatchContract implements EpollProxied {}
}
