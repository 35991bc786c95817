package io.rocketsockets;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** What has a meaning over TLS, on epoll and for each of its versions. */
@Tag("long")
class EpollTlsTest {
    private interface Epoll extends OverTls {
        @Override
        default String engine() {
            return "epoll";
        }
    }

    private interface EpollTls12 extends Epoll {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS12;
        }
    }

    private interface EpollTls13 extends Epoll {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS13;
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().epoll();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no epoll: " + refusal.get());
    }

    @Nested
    class Accept extends AcceptContract implements EpollTls13 {}

    @Nested
    class Read extends ReadContract implements EpollTls13 {}

    @Nested
    class Write extends WriteContract implements EpollTls13 {}

    @Nested
    class Close extends CloseContract implements EpollTls13 {}

    @Nested
    class Callbacks extends CallbackContract implements EpollTls13 {}

    @Nested
    class Moves extends MoveContract implements EpollTls13 {}

    @Nested
    class Counts extends CountContract implements EpollTls13 {}

    @Nested
    class HalfClose extends HalfCloseContract implements EpollTls13 {}

    @Nested
    class Timeout extends TimeoutContract implements EpollTls13 {}

    @Nested
    class Hangs extends HangContract implements EpollTls13 {}

    @Nested
    class Watch extends WatchContract implements EpollTls13 {}

    @Nested
    class Accept12 extends AcceptContract implements EpollTls12 {}

    @Nested
    class Read12 extends ReadContract implements EpollTls12 {}

    @Nested
    class Write12 extends WriteContract implements EpollTls12 {}

    @Nested
    class Close12 extends CloseContract implements EpollTls12 {}

    @Nested
    class Callbacks12 extends CallbackContract implements EpollTls12 {}

    @Nested
    class Moves12 extends MoveContract implements EpollTls12 {}

    @Nested
    class Counts12 extends CountContract implements EpollTls12 {}

    @Nested
    class HalfClose12 extends HalfCloseContract implements EpollTls12 {}

    @Nested
    class Timeout12 extends TimeoutContract implements EpollTls12 {}

    @Nested
    class Hangs12 extends HangContract implements EpollTls12 {}

    @Nested
    class Watch12 extends WatchContract implements EpollTls12 {}
}
