package io.rocketsockets;

/** All that a subclass of a contract tells. */
interface EngineUnderTest {
    /** As in {@link ServerConfigurator#engine}. */
    String engine();
}
