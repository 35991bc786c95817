package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What has a meaning over TLS, on io_uring and for each of its versions. */
@Tag("long")
class UringTlsTest {
    private interface Uring extends OverTls {
        @Override
        default String engine() {
            return "io_uring";
        }

        @Override
        default boolean isBoundToItsThread() {
            return true;
        }
    }

    private interface UringTls12 extends Uring {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS12;
        }
    }

    private interface UringTls13 extends Uring {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS13;
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().uring();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no io_uring: " + refusal.get());
    }

    @Nested
    class Accept extends AcceptContract implements UringTls13 {}

    @Nested
    class Read extends ReadContract implements UringTls13 {}

    @Nested
    class Write extends WriteContract implements UringTls13 {}

    @Nested
    class Close extends CloseContract implements UringTls13 {}

    @Nested
    class Callbacks extends CallbackContract implements UringTls13 {}

    @Nested
    class Moves extends MoveContract implements UringTls13 {}

    @Nested
    class Counts extends CountContract implements UringTls13 {}

    @Nested
    class HalfClose extends HalfCloseContract implements UringTls13 {}

    @Nested
    class Timeout extends TimeoutContract implements UringTls13 {}

    @Nested
    class Watch extends WatchContract implements UringTls13 {}

    @Nested
    class Accept12 extends AcceptContract implements UringTls12 {}

    @Nested
    class Read12 extends ReadContract implements UringTls12 {}

    @Nested
    class Write12 extends WriteContract implements UringTls12 {}

    @Nested
    class Close12 extends CloseContract implements UringTls12 {}

    @Nested
    class Callbacks12 extends CallbackContract implements UringTls12 {}

    @Nested
    class Moves12 extends MoveContract implements UringTls12 {}

    @Nested
    class Counts12 extends CountContract implements UringTls12 {}

    @Nested
    class HalfClose12 extends HalfCloseContract implements UringTls12 {}

    @Nested
    class Timeout12 extends TimeoutContract implements UringTls12 {}

    @Nested
    class Watch12 extends WatchContract implements UringTls12 {}
}
