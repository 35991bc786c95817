package io.rocketsockets;

import org.junit.jupiter.api.Nested;

/** The contracts of sockets, on the engine of the JDK; the others are {@link NioEdgesTest} and {@link NioProcessTest}. */
class NioEngineTest {
    private interface Nio extends EngineUnderTest {
        @Override
        default String engine() {
            return "nio";
        }
    }

    @Nested
    class StartStop extends StartStopContract implements Nio {}

    @Nested
    class Accept extends AcceptContract implements Nio {}

    @Nested
    class Read extends ReadContract implements Nio {}

    @Nested
    class Write extends WriteContract implements Nio {}

    @Nested
    class Close extends CloseContract implements Nio {}

    @Nested
    class Callbacks extends CallbackContract implements Nio {}

    @Nested
    class Moves extends MoveContract implements Nio {}

    @Nested
    class Counts extends CountContract implements Nio {}

    @Nested
    class Admission extends AdmissionContract implements Nio {}

    @Nested
    class Timeout extends TimeoutContract implements Nio {}

    @Nested
    class HalfClose extends HalfCloseContract implements Nio {}

    @Nested
    class Memory extends MemoryContract implements Nio {}

    @Nested
    class Faults extends FaultContract implements Nio {}

    @Nested
    class Hangs extends HangContract implements Nio {}

    @Nested
    class Watch extends WatchContract implements Nio {}

    @Nested
    class Scale extends ScaleContract implements Nio {}
}
