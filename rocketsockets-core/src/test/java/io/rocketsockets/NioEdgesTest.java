package io.rocketsockets;

import org.junit.jupiter.api.Nested;

/** What stands before a socket, or in its place, on the engine of the JDK. */
class NioEdgesTest {
    private interface Nio extends EngineUnderTest {
        @Override
        default String engine() {
            return "nio";
        }
    }

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
