package io.rocketsockets.epoll;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.linux.Capabilities;
import java.io.IOException;
import java.util.Optional;

/** Opens {@code epoll} engines. */
public final class EpollEngineFactory implements EngineFactory {
    /** Called by the service loader. */
    public EpollEngineFactory() {}

    @Override
    public String name() {
        return "epoll";
    }

    @Override
    public Optional<String> unavailable() {
        return Capabilities.ofThisMachine().epoll();
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        return EpollEngine.open(readBufferBytes);
    }
}
