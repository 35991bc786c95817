package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.uring.CountedRingFactory;

/** The soak on io_uring: in the end the kernel has given back every buffer, place and descriptor. */
class UringSoakTest extends SoakContract {
    @Override
    public String engine() {
        return CountedRingFactory.NAME;
    }

    @Override
    void lookAtTheEngines() {
        System.out.println(
                "soak: rings=" + CountedRingFactory.opened() + " leftovers=" + CountedRingFactory.leftovers());
        assertThat(CountedRingFactory.leftovers())
                .as("what rings have not got back")
                .isEmpty();
    }
}
