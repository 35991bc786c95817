package io.rocketsockets;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What is not of TCP alone, on the engine of the JDK and Unix sockets. */
@Tag("mode")
class NioUnixTest {
    private interface NioUnix extends OnUnixSockets {
        @Override
        default String engine() {
            return "nio";
        }
    }

    @Nested
    class Accept extends AcceptContract implements NioUnix {}

    @Nested
    class Read extends ReadContract implements NioUnix {}

    @Nested
    class Write extends WriteContract implements NioUnix {}

    @Nested
    class Close extends CloseContract implements NioUnix {}

    @Nested
    class Callbacks extends CallbackContract implements NioUnix {}

    @Nested
    class Moves extends MoveContract implements NioUnix {}

    @Nested
    class Counts extends CountContract implements NioUnix {}

    @Nested
    class HalfClose extends HalfCloseContract implements NioUnix {}

    @Nested
    @Tag("long")
    class Timeout extends TimeoutContract implements NioUnix {}

    @Nested
    @Tag("long")
    class Hangs extends HangContract implements NioUnix {}

    @Nested
    class Watch extends WatchContract implements NioUnix {}
}
