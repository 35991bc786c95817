package io.rocketsockets;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.nio.NioEngineFactory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The engines that can be asked for by name: that of the JDK, which only this class knows, and each {@link EngineFactory}
 * that a jar on the class path or a module provides as a service. Immutable.
 */
final class Engines {
    static final String DEFAULT = "nio";

    /** Asks for the best that works. */
    static final String AUTO = "auto";

    /** Those of rocketsockets-native, the better first. */
    private static final List<String> NATIVE = List.of("io_uring", "epoll");

    /** Providers that cannot be loaded, after which the rest of the search is given up. */
    private static final int MOST_REFUSALS = 64;

    static final Engines INSTALLED = new Engines(Engines.class.getClassLoader());

    private final Map<String, EngineFactory> byName = new TreeMap<>();

    /** Why a provider could not be loaded. */
    private final List<String> refusals = new ArrayList<>();

    Engines(ClassLoader loader) {
        find(ServiceLoader.load(EngineFactory.class, loader).iterator());
        byName.put(DEFAULT, new NioEngineFactory());
        if (!refusals.isEmpty()) {
            // A provider that cannot be loaded cannot tell its name: these are ours.
            NATIVE.forEach(name -> byName.putIfAbsent(name, new Unloadable(name, refusals.get(0))));
        }
    }

    /** The iterator goes on after a provider that fails, if asked again. */
    private void find(Iterator<EngineFactory> providers) {
        for (boolean more = true; more && refusals.size() < MOST_REFUSALS; ) {
            try {
                more = providers.hasNext();
                if (more) {
                    EngineFactory factory = providers.next();
                    byName.put(factory.name(), factory);
                }
            } catch (UnsupportedClassVersionError tooNew) { // says which versions, but not of Java
                refusals.add("needs a newer Java (rocketsockets-native: 22): this is "
                        + Runtime.version().feature() + "; run it on a newer JVM");
            } catch (LinkageError | ServiceConfigurationError broken) {
                refusals.add("cannot be loaded: " + broken + "; mend or remove its jar");
            }
        }
    }

    /** An engine that is there and whose classes this JVM refuses. */
    private record Unloadable(String name, String reason) implements EngineFactory {
        @Override
        public Optional<String> unavailable() {
            return Optional.of(reason);
        }

        @Override
        public Engine open(int readBufferBytes) throws IOException {
            throw new IOException("engine=" + name + " " + reason);
        }
    }

    /** What is wrong with that name, for a configuration; whether the engine works here is seen at the start. */
    Optional<String> errorIn(String name) {
        if (name.equals(AUTO) || byName.containsKey(name)) {
            return Optional.empty();
        }
        TreeSet<String> names = new TreeSet<>(byName.keySet());
        names.add(AUTO);
        String remedy =
                NATIVE.contains(name) ? "add the jar of rocketsockets-native" : "remove the call for the default";
        String refused = refusals.isEmpty() ? "" : " (of those found one " + refusals.get(0) + ")";
        return Optional.of("engine=" + name + " is not one of " + names + refused + "; " + remedy);
    }

    /**
     * The engine of that name, or the best for {@link #AUTO}; looks whether it works here.
     *
     * @param name one without an {@linkplain #errorIn error}
     * @throws ServerStartException when it was asked for by name and does not work here
     */
    Choice choose(String name) {
        if (name.equals(AUTO)) {
            return best();
        }
        EngineFactory factory = byName.get(name);
        String reason = reasonAgainst(factory);
        if (factory == null || reason != null) {
            throw new ServerStartException("cannot use engine=" + name + ": " + reason + ", or call engine(\"auto\")");
        }
        return new Choice(factory, "");
    }

    private Choice best() {
        Map<String, List<String>> against = new LinkedHashMap<>();
        for (String name : NATIVE) {
            EngineFactory factory = byName.get(name);
            String reason = reasonAgainst(factory);
            if (factory != null && reason == null) {
                return new Choice(factory, explain(against));
            }
            against.computeIfAbsent(String.valueOf(reason), none -> new ArrayList<>())
                    .add(name);
        }
        return new Choice(new NioEngineFactory(), explain(against));
    }

    private static @Nullable String reasonAgainst(@Nullable EngineFactory factory) {
        return factory == null
                ? "is not there; add the jar of rocketsockets-native"
                : factory.unavailable().orElse(null);
    }

    private static String explain(Map<String, List<String>> against) {
        return against.entrySet().stream()
                .map(each -> String.join(" and ", each.getValue()) + ": " + each.getKey())
                .collect(Collectors.joining(" | ", " (auto" + (against.isEmpty() ? "" : "; "), ")"));
    }

    /**
     * An engine that works here.
     *
     * @param reasons against the better ones, for the log; empty when it was asked for by name
     */
    record Choice(EngineFactory factory, String reasons) {
        String name() {
            return factory.name();
        }

        @Override
        public String toString() {
            return name() + reasons;
        }
    }
}
