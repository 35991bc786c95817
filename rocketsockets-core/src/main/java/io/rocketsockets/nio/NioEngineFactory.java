package io.rocketsockets.nio;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import java.io.IOException;

/** Opens {@code nio} engines. */
public final class NioEngineFactory implements EngineFactory {
    @Override
    public String name() {
        return "nio";
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        return new NioEngine(readBufferBytes);
    }
}
