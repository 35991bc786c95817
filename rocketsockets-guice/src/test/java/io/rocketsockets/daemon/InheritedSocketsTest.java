package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InheritedSocketsTest {
    private static final List<String> ONE = List.of("default");
    private static final List<String> TWO = List.of("web", "admin");

    private static Map<String, String> environment(String pid, String count, String names) {
        return Map.of("LISTEN_PID", pid, "LISTEN_FDS", count, "LISTEN_FDNAMES", names);
    }

    @Test
    void namesAreThoseOfTheEnvironment() {
        assertThat(InheritedSockets.names(environment("7", "2", "web:admin"), 7))
                .containsExactly("web", "admin");
        assertThat(InheritedSockets.names(Map.of("LISTEN_PID", "7", "LISTEN_FDS", "2"), 7))
                .hasSize(2);
    }

    @Test
    void socketsOfAnotherProcessAreNotOurs() {
        assertThat(InheritedSockets.names(environment("8", "2", "web:admin"), 7))
                .isEmpty();
        assertThat(InheritedSockets.names(Map.of(), 7)).isEmpty();
    }

    @Test
    void aSingleSocketIsForASingleEndpointWhateverItsName() {
        InheritedSockets input = new InheritedSockets(List.of("example.socket"), true);
        assertThat(input.descriptorOf("default", ONE)).contains(0);
        assertThat(input.errors(ONE)).isEmpty();
        assertThat(new InheritedSockets(List.of("example.socket"), false).descriptorOf("default", ONE))
                .contains(3);
        assertThat(new InheritedSockets(List.of(), true).descriptorOf("default", ONE))
                .contains(0);
    }

    @Test
    void severalSocketsGoByTheirNames() {
        InheritedSockets two = new InheritedSockets(List.of("admin", "web"), false);
        assertThat(two.descriptorOf("web", TWO)).contains(4);
        assertThat(two.descriptorOf("admin", TWO)).contains(3);
        assertThat(two.errors(TWO)).isEmpty();
    }

    @Test
    void oneOfSeveralEndpointsMayHaveASocket() {
        InheritedSockets one = new InheritedSockets(List.of("admin"), true);
        assertThat(one.descriptorOf("admin", TWO)).contains(0);
        assertThat(one.descriptorOf("web", TWO)).isEmpty();
    }

    @Test
    void aSocketForNobodyIsAnError() {
        assertThat(new InheritedSockets(List.of("web", "metrics"), false).errors(TWO))
                .containsExactly(
                        "socket=metrics was handed over and is the name of no endpoint, which are [web, admin];"
                                + " set FileDescriptorName= in its socket unit to one of them");
    }

    @Test
    void withoutSocketsNothingIsAdopted() {
        assertThat(InheritedSockets.NONE.descriptorOf("default", ONE)).isEmpty();
        assertThat(InheritedSockets.NONE.errors(TWO)).isEmpty();
    }
}
