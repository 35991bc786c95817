package io.rocketsockets;

/** All that a subclass of a contract tells. */
interface EngineUnderTest {
    /** As in {@link ServerConfigurator#engine}. */
    String engine();

    /** Whether no other thread can go on with a loop whose own hangs in a callback. */
    default boolean isBoundToItsThread() {
        return false;
    }
}
