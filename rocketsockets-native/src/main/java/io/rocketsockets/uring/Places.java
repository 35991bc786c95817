package io.rocketsockets.uring;

import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The transports of one engine, by numbers that are used again, and how often each was: what a {@link Tag} tells. */
final class Places {
    private @Nullable UringTransport[] transports = new @Nullable UringTransport[64];
    private int[] generations = new int[64];

    /** The next free place of a free place. */
    private int[] nextFree = new int[64];

    private int firstFree = -1;
    private int used;

    int take(UringTransport transport) {
        int place = firstFree;
        if (place >= 0) {
            firstFree = nextFree[place];
        } else {
            if (used == transports.length) {
                transports = Arrays.copyOf(transports, 2 * used);
                generations = Arrays.copyOf(generations, 2 * used);
                nextFree = Arrays.copyOf(nextFree, 2 * used);
            }
            place = used++;
        }
        transports[place] = transport;
        return place;
    }

    int inUse() {
        int[] count = {0};
        forEach(transport -> count[0]++);
        return count[0];
    }

    /** As many as were in use at once so far. */
    int size() {
        return used;
    }

    int generation(int place) {
        return generations[place];
    }

    void free(int place) {
        transports[place] = null;
        generations[place]++;
        nextFree[place] = firstFree;
        firstFree = place;
    }

    /** Null when the place has changed hands since the tag was made. */
    @Nullable
    UringTransport at(long tag) {
        int place = Tag.place(tag);
        return Tag.isOf(tag, generations[place]) ? transports[place] : null;
    }

    void forEach(Consumer<UringTransport> action) {
        for (int place = 0; place < used; place++) {
            UringTransport transport = transports[place];
            if (transport != null) {
                action.accept(transport);
            }
        }
    }
}
