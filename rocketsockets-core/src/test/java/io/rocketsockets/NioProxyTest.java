package io.rocketsockets;

import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What holds for plain connections holds for those that a proxy passes on: the contracts on the engine of the JDK. */
@Tag("mode")
class NioProxyTest {
    private interface Nio extends OverProxy {
        @Override
        default String engine() {
            return "nio";
        }
    }

    @Nested
    class Read extends ReadContract implements Nio {
        @Disabled("its peer is a channel of its own, which sends no header")
        @Override
        void c4_stoppedReadingClosesTheWindow() {}
    }

    @Nested
    class Write extends WriteContract implements Nio {}

    @Nested
    class Callbacks extends CallbackContract implements Nio {}

    @Nested
    @Tag("long")
    class Accept extends AcceptContract implements Nio {}

    @Nested
    @Tag("long")
    class Close extends CloseContract implements Nio {
        @Disabled("netcat sends no header")
        @Override
        void e1_netcatGetsItsEcho() {}
    }

    @Nested
    @Tag("long")
    class Moves extends MoveContract implements Nio {}

    @Nested
    @Tag("long")
    class Counts extends CountContract implements Nio {}

    @Nested
    @Tag("long")
    class Timeout extends TimeoutContract implements Nio {}

    @Nested
    @Tag("long")
    class HalfClose extends HalfCloseContract implements Nio {}

    @Nested
    @Tag("long")
    class Memory extends MemoryContract implements Nio {
        @Disabled("its process has no proxy before it")
        @Override
        void h1_fiveHundredPeersThatReadNothingOfTheirEchoLeaveASmallHeapWhole() {}
    }

    @Nested
    @Tag("long")
    class Hangs extends HangContract implements Nio {}

    @Nested
    @Tag("long")
    class Watch extends WatchContract implements Nio {}
}
