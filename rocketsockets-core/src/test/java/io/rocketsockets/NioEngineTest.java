package io.rocketsockets;

import org.junit.jupiter.api.Nested;

/** The contracts, on the engine of the JDK; those that take a whole process are in {@link NioProcessTest}. */
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

    @Nested
    class Proxy extends ProxyContract implements Nio {}

    @Nested
    class ProxyHeaders extends ProxyHeaderContract implements Nio {}

    @Nested
    class Tls extends TlsContract implements Nio {}

    @Nested
    class TlsIdentities extends TlsIdentityContract implements Nio {}

    @Nested
    class TlsHandshakes extends TlsHandshakeContract implements Nio {}

    @Nested
    class UnixSockets extends UnixSocketContract implements Nio {}
}
