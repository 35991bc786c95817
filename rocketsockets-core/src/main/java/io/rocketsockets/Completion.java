package io.rocketsockets;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What to tell the application about one write; pooled by {@link WriteBuffers}. Confined to the loop. */
final class Completion {
    /** The write is done when the kernel has taken this many bytes of the queue. */
    long endOffset;

    @Nullable
    Runnable onComplete;

    @Nullable
    Consumer<? super Throwable> onException;

    @Nullable
    Completion next;

    void clear() {
        onComplete = null;
        onException = null;
        next = null;
    }
}
