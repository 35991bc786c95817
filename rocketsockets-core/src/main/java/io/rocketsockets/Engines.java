package io.rocketsockets;

import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.nio.NioEngineFactory;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.TreeMap;

/**
 * The engines that can be asked for by name: that of the JDK, which only this class knows, and each {@link EngineFactory}
 * that a jar on the class path or a module provides as a service.
 */
final class Engines {
    static final String DEFAULT = "nio";

    private static final Map<String, EngineFactory> BY_NAME = find();

    private Engines() {}

    private static Map<String, EngineFactory> find() {
        Map<String, EngineFactory> found = new TreeMap<>();
        for (EngineFactory factory : ServiceLoader.load(EngineFactory.class, Engines.class.getClassLoader())) {
            found.put(factory.name(), factory);
        }
        found.put(DEFAULT, new NioEngineFactory());
        return found;
    }

    static List<String> names() {
        return List.copyOf(BY_NAME.keySet());
    }

    /** The factory of a name that {@link ServerConfiguration} has checked. */
    static EngineFactory named(String name) {
        return Objects.requireNonNull(BY_NAME.get(name), name);
    }
}
