package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** An engine of another jar is found by its name alone. */
class OutsideEngineTest {
    @Test
    void anEngineOnTheClassPathIsFoundByItsName() throws Exception {
        try (ServerProcess server = new ServerProcess("outside", "src/test/outside-engine");
                Client client = new Client(server.address())) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
    }
}
