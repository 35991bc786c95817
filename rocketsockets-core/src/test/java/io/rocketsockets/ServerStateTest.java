package io.rocketsockets;

import static io.rocketsockets.ServerState.RUNNING;
import static io.rocketsockets.ServerState.STARTING;
import static io.rocketsockets.ServerState.STOPPED;
import static io.rocketsockets.ServerState.STOPPING;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ServerStateTest {
    @Test
    void theLifeOfAServerIsACircle() {
        Map<ServerState, Set<ServerState>> moves = Map.of(
                STOPPED, Set.of(STARTING),
                STARTING, Set.of(RUNNING, STOPPED),
                RUNNING, Set.of(STOPPING),
                STOPPING, Set.of(STOPPED));
        for (ServerState from : ServerState.values()) {
            for (ServerState to : ServerState.values()) {
                assertThat(from.canBecome(to))
                        .as("%s -> %s", from, to)
                        .isEqualTo(moves.get(from).contains(to));
            }
        }
    }
}
