package io.rocketsockets;

import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.nio.NioEngineFactory;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The engines that can be asked for by name; the only class here that knows one. */
final class Engines {
    static final String DEFAULT = "nio";

    private static final Map<String, EngineFactory> BY_NAME = Map.of(DEFAULT, new NioEngineFactory());

    private Engines() {}

    static List<String> names() {
        return BY_NAME.keySet().stream().sorted().toList();
    }

    /** The factory of a name that {@link ServerConfiguration} has checked. */
    static EngineFactory named(String name) {
        return Objects.requireNonNull(BY_NAME.get(name), name);
    }
}
