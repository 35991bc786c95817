package io.rocketsockets;

/** The mode in which the endpoints of a contract are Unix sockets. */
interface OnUnixSockets extends EngineUnderTest {
    @Override
    default void configure(EndpointConfigurator endpoint) {
        endpoint.bindTo("unix:" + UnixSocket.newPath());
    }

    @Override
    default boolean isOfTcp() {
        return false;
    }
}
