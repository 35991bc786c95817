package io.rocketsockets;

/** The soak on the engine of the JDK. */
class SoakTest extends SoakContract {
    @Override
    public String engine() {
        return "nio";
    }
}
