package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What is not of TCP alone, on epoll and Unix sockets. */
@Tag("long")
class EpollUnixTest {
    private interface EpollUnix extends OnUnixSockets {
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
    class Accept extends AcceptContract implements EpollUnix {}

    @Nested
    class Read extends ReadContract implements EpollUnix {}

    @Nested
    class Write extends WriteContract implements EpollUnix {}

    @Nested
    class Close extends CloseContract implements EpollUnix {}

    @Nested
    class Callbacks extends CallbackContract implements EpollUnix {}

    @Nested
    class Moves extends MoveContract implements EpollUnix {}

    @Nested
    class Counts extends CountContract implements EpollUnix {}

    @Nested
    class HalfClose extends HalfCloseContract implements EpollUnix {}

    @Nested
    class Timeout extends TimeoutContract implements EpollUnix {}

    @Nested
    class Hangs extends HangContract implements EpollUnix {}

    @Nested
    class Watch extends WatchContract implements EpollUnix {}
}
