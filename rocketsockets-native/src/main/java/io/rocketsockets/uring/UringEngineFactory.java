package io.rocketsockets.uring;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.linux.Capabilities;
import java.io.IOException;

/** Opens {@code io_uring} engines. */
public final class UringEngineFactory implements EngineFactory {
    /** Called by the service loader. */
    public UringEngineFactory() {}

    @Override
    public String name() {
        return "io_uring";
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        throw new IOException(
                "no engine io_uring: " + Capabilities.ofThisMachine().uring().orElse("not yet in this version"));
    }
}
