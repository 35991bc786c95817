package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import io.rocketsockets.uring.TinyRingFactory;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;

/**
 * Contracts on rings in which everything runs out all the time: the kernel keeps completions for want of room, receives end for
 * want of buffers, and one turn takes many system calls.
 */
class TinyRingTest {
    private interface Tiny extends EngineUnderTest {
        @Override
        default String engine() {
            return TinyRingFactory.NAME;
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().uring();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no io_uring: " + refusal.get());
    }

    @Nested
    class Read extends ReadContract implements Tiny {}

    @Nested
    class Write extends WriteContract implements Tiny {}

    @Nested
    class Close extends CloseContract implements Tiny {}

    @Nested
    class Callbacks extends CallbackContract implements Tiny {}

    @Nested
    class Moves extends MoveContract implements Tiny {}

    @Nested
    class HalfClose extends HalfCloseContract implements Tiny {}
}
