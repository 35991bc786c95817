package io.rocketsockets;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/**
 * What holds for plain connections holds for those over TLS: the contracts on the engine of the JDK, for each version. Who is
 * admitted at all is settled before TLS begins.
 */
@Tag("mode")
class NioTlsTest {
    private interface Nio extends OverTls {
        @Override
        default String engine() {
            return "nio";
        }
    }

    private interface NioTls12 extends Nio {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS12;
        }
    }

    private interface NioTls13 extends Nio {
        @Override
        default String tlsVersion() {
            return SecureContract.TLS13;
        }
    }

    @Nested
    class Read extends ReadContract implements NioTls13 {}

    @Nested
    class Write extends WriteContract implements NioTls13 {}

    @Nested
    class Callbacks extends CallbackContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Accept extends AcceptContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Close extends CloseContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Moves extends MoveContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Counts extends CountContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Timeout extends TimeoutContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class HalfClose extends HalfCloseContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Memory extends MemoryContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Hangs extends HangContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Watch extends WatchContract implements NioTls13 {}

    @Nested
    @Tag("long")
    class Read12 extends ReadContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Write12 extends WriteContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Callbacks12 extends CallbackContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Accept12 extends AcceptContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Close12 extends CloseContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Moves12 extends MoveContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Counts12 extends CountContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Timeout12 extends TimeoutContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class HalfClose12 extends HalfCloseContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Memory12 extends MemoryContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Hangs12 extends HangContract implements NioTls12 {}

    @Nested
    @Tag("long")
    class Watch12 extends WatchContract implements NioTls12 {}
}
