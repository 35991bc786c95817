package io.rocketsockets;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.nio.NioEngineFactory;
import java.io.IOException;

/** An engine that only the service file in {@code src/test/outside-engine} knows. */
public final class OutsideEngineFactory implements EngineFactory {
    private final EngineFactory nio = new NioEngineFactory();

    /** Called by the service loader. */
    public OutsideEngineFactory() {}

    @Override
    public String name() {
        return "outside";
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        return nio.open(readBufferBytes);
    }
}
