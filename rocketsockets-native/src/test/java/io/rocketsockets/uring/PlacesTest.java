package io.rocketsockets.uring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import org.junit.jupiter.api.Test;

/** A completion belongs to whoever submitted it, even when another has its place by then. */
class PlacesTest {
    private final Places places = new Places();
    private final UringTransport first = mock(UringTransport.class);
    private final UringTransport second = mock(UringTransport.class);

    private long take(UringTransport transport) {
        int place = places.take(transport);
        return Tag.of(Tag.RECEIVE, places.generation(place), place);
    }

    @Test
    void aStaleCompletionIsNotThatOfTheNextOwner() {
        long stale = take(first);
        assertThat(places.at(stale)).isSameAs(first);
        places.free(Tag.place(stale));
        assertThat(places.at(stale)).isNull();
        long tag = take(second);
        assertThat(Tag.place(tag)).as("the place is used again").isEqualTo(Tag.place(stale));
        assertThat(places.at(stale)).isNull();
        assertThat(places.at(tag)).isSameAs(second);
    }

    /** 24 bits: a stale completion of 16,777,216 owners ago would be mistaken, and none is under way for so long. */
    @Test
    void generationsBeginAnewAfterTheLast() {
        int owners = 1 << 24;
        long stale = take(first);
        for (int i = 1; i < owners; i++) {
            places.free(0);
            places.take(second);
            if (places.at(stale) != null) {
                assertThat(i).as("owners since").isEqualTo(owners);
            }
        }
        long last = Tag.of(Tag.SEND, places.generation(0), 0);
        assertThat(places.at(last)).isSameAs(second);
        assertThat(Tag.what(last)).isEqualTo(Tag.SEND);
    }

    @Test
    void placesGrowWithTheirNumberAndAreUsedAgain() {
        for (int i = 0; i < 1000; i++) {
            assertThat(places.take(first)).isEqualTo(i);
        }
        places.free(3);
        places.free(700);
        assertThat(places.inUse()).isEqualTo(998);
        assertThat(places.take(second)).isEqualTo(700);
        assertThat(places.take(second)).isEqualTo(3);
        assertThat(places.take(second)).isEqualTo(1000);
    }
}
