package io.rocketsockets.tls;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ServerNamesTest {
    @Test
    void k11_namesAreFoundWhateverTheirCase() {
        ServerNames<Integer> names = new ServerNames<>(Map.of("A.example", 1, "b.example", 2));
        assertThat(names.find(ServerNames.normal("a.EXAMPLE"))).isEqualTo(1);
        assertThat(names.find("b.example")).isEqualTo(2);
        assertThat(names.find("c.example")).isNull();
        assertThat(names.find("example")).isNull();
    }

    @Test
    void k11_aWildcardStandsForOneLabelAndAnExactNameGoesBefore() {
        ServerNames<Integer> names = new ServerNames<>(Map.of("*.a.example", 1, "x.a.example", 2));
        assertThat(names.find("y.a.example")).isEqualTo(1);
        assertThat(names.find("x.a.example")).isEqualTo(2);
        assertThat(names.find("a.example")).isNull();
        assertThat(names.find("z.y.a.example")).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "a.example.",
                ".a.example",
                "a..example",
                "10.0.0.1",
                "::1",
                "[::1]",
                "-a.example",
                "a-.example",
                "a.example\0",
                "a\0.example",
                "a example",
                "\u00e4.example",
                "\ufffd.example",
                "*.a.example",
                "a.1"
            })
    void k11_whatIsNoHostNameIsNone(String name) {
        assertThat(ServerNames.normal(name)).isEmpty();
    }

    @Test
    void k11_namesHaveALongestLabelAndALongestLength() {
        String label = "a".repeat(63);
        assertThat(ServerNames.normal(label + ".example")).isNotEmpty();
        assertThat(ServerNames.normal("a" + label + ".example")).isEmpty();
        String longest = (label + ".").repeat(3) + "a".repeat(61);
        assertThat(longest).hasSize(253);
        assertThat(ServerNames.normal(longest)).isNotEmpty();
        assertThat(ServerNames.normal("a" + longest)).isEmpty();
        assertThat(ServerNames.normal("a".repeat(60_000))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "xn--bcher-kva.example", "a_b.example", "1.example", "example"})
    void hostNamesAreNames(String name) {
        assertThat(ServerNames.normal(name)).isEqualTo(name);
    }
}
