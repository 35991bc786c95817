package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What is not of TCP alone, on io_uring and Unix sockets. */
@Tag("long")
class UringUnixTest {
    private interface UringUnix extends OnUnixSockets {
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
    class Accept extends AcceptContract implements UringUnix {}

    @Nested
    class Read extends ReadContract implements UringUnix {}

    @Nested
    class Write extends WriteContract implements UringUnix {}

    @Nested
    class Close extends CloseContract implements UringUnix {}

    @Nested
    class Callbacks extends CallbackContract implements UringUnix {}

    @Nested
    class Moves extends MoveContract implements UringUnix {}

    @Nested
    class Counts extends CountContract implements UringUnix {}

    @Nested
    class HalfClose extends HalfCloseContract implements UringUnix {}

    @Nested
    class Timeout extends TimeoutContract implements UringUnix {}

    @Nested
    class Hangs extends HangContract implements UringUnix {}

    @Nested
    class Watch extends WatchContract implements UringUnix {}
}
