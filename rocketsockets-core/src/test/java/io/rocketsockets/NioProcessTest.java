package io.rocketsockets;

import org.junit.jupiter.api.Nested;

/** What takes a process of its own, or the network away from one, on the engine of the JDK. */
class NioProcessTest {
    private interface Nio extends EngineUnderTest {
        @Override
        default String engine() {
            return "nio";
        }
    }

    @Nested
    class OwnProcess extends ProcessContract implements Nio {}

    @Nested
    class Tools extends ToolContract implements Nio {}

    @Nested
    class Network extends NetworkContract implements Nio {}
}
