package io.rocketsockets.uring;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.linux.Capabilities;
import java.io.IOException;
import java.util.Optional;

/** Opens engines in which everything runs out all the time: places of both queues, receive buffers, memory for sends. */
public final class TinyRingFactory implements EngineFactory {
    public static final String NAME = "io_uring-tiny";

    /** Called by the service loader. */
    public TinyRingFactory() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Optional<String> unavailable() {
        return Capabilities.ofThisMachine().uring();
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        return new UringEngine(new UringSizes(2, 4, 2000, 2, Math.min(readBufferBytes, 2048), 16 * 1024));
    }
}
