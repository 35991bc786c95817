package io.rocketsockets.uring;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.linux.Capabilities;
import io.rocketsockets.linux.Libc;
import java.io.IOException;
import java.util.Optional;

/** Opens {@code io_uring} engines. */
public final class UringEngineFactory implements EngineFactory {
    /** Called by the service loader. */
    public UringEngineFactory() {}

    @Override
    public String name() {
        return "io_uring";
    }

    @Override
    public Optional<String> unavailable() {
        return Capabilities.ofThisMachine().uring();
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        return new UringEngine(UringSizes.of(readBufferBytes, new Libc()));
    }
}
