package io.rocketsockets;

import java.io.IOException;

/** All that a subclass of a contract tells. */
interface EngineUnderTest {
    /** As in {@link ServerConfigurator#engine}. */
    String engine();

    /** What else all servers of the test have in common. */
    default void configure(ServerConfigurator server) {}

    /** What else every endpoint of the test but those of witnesses has. */
    default void configure(EndpointConfigurator endpoint) {}

    /** A client as those endpoints want it, made of one that has just connected. */
    default Client speaking(Client connected) throws IOException {
        return connected;
    }

    /** Which version of TLS the clients speak; empty for plaintext. */
    default String tlsVersion() {
        return "";
    }

    /** Whether the endpoints that {@link #configure(EndpointConfigurator)} are of TCP. */
    default boolean isOfTcp() {
        return true;
    }

    /** Whether no other thread can go on with a loop whose own hangs in a callback. */
    default boolean isBoundToItsThread() {
        return false;
    }
}
