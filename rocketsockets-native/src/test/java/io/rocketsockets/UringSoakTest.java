package io.rocketsockets;

/** The soak on io_uring. */
class UringSoakTest extends SoakContract {
    @Override
    public String engine() {
        return "io_uring";
    }
}
