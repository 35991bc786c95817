package io.rocketsockets.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.engine.LoudSockets.LoudSocket;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoudSocketsTest {
    private static final int KIBIBYTE = 1024;

    private final LoudSockets loud = new LoudSockets();
    private final List<String> read = new ArrayList<>();

    /** Has so much to read. */
    private final class Source implements LoudSocket {
        private final String name;
        private int left;

        Source(String name, int bytes) {
            this.name = name;
            this.left = bytes;
            loud.add(this);
        }

        @Override
        public int readOn(int bytes) {
            int n = Math.min(bytes, left);
            left -= n;
            read.add(name + " " + n / KIBIBYTE);
            if (left > 0) {
                loud.add(this);
            }
            return n;
        }
    }

    @Test
    void whoHasMoreGoesBehindTheOthers() {
        new Source("a", 300 * KIBIBYTE);
        new Source("b", 100 * KIBIBYTE);
        loud.read();
        assertThat(read).containsExactly("a 256", "b 100");
        loud.read();
        assertThat(read).containsExactly("a 256", "b 100", "a 44");
        assertThat(loud.isEmpty()).isTrue();
    }

    @Test
    void ofAllOfThemOneMebibyteIsReadInATurn() {
        for (String name : List.of("a", "b", "c", "d", "e")) {
            new Source(name, 300 * KIBIBYTE);
        }
        loud.read();
        assertThat(read).containsExactly("a 256", "b 256", "c 256", "d 256");
        loud.read();
        assertThat(read.subList(4, 9)).containsExactly("e 256", "a 44", "b 44", "c 44", "d 44");
        assertThat(loud.isEmpty()).isFalse();
    }

    @Test
    void whoHasLeftIsNotRead() {
        Source gone = new Source("gone", KIBIBYTE);
        new Source("here", KIBIBYTE);
        loud.remove(gone);
        loud.read();
        assertThat(read).containsExactly("here 1");
    }
}
