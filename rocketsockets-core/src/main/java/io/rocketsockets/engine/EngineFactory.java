package io.rocketsockets.engine;

import java.io.IOException;
import java.util.Optional;

/** Opens engines of one kind; immutable, safe for any thread. Found as a service ({@link java.util.ServiceLoader}). */
public interface EngineFactory {
    /** What {@code engine(..)} in the configuration calls it. */
    String name();

    /**
     * Why this engine cannot work in this process, with what to change, as {@code rule; remedy}; empty when it can. Asked at
     * each start of a server, before {@link #open}; may try the system out.
     */
    default Optional<String> unavailable() {
        return Optional.empty();
    }

    /**
     * Opens the engine of one event loop, called before the loop's thread starts.
     *
     * @param readBufferBytes the most that one {@link TransportHandler#onRead} may deliver
     * @throws IOException when the system refuses; nothing is left open
     */
    Engine open(int readBufferBytes) throws IOException;
}
