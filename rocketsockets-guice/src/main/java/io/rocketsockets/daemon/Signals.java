package io.rocketsockets.daemon;

import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens to signals. {@code sun.misc.Signal} is the only way, and javac warns of it in a way that nothing suppresses,
 * therefore by reflection; a JVM without it ignores them.
 */
final class Signals {
    private static final Logger LOG = LoggerFactory.getLogger(Signals.class);

    private Signals() {}

    /** Runs the action, on a thread of the JVM's, each time that the signal comes; the name is without {@code SIG}. */
    static void on(String name, Runnable action) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object listener =
                    Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, (self, m, a) -> {
                        action.run();
                        return null;
                    });
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance(name), listener);
        } catch (ReflectiveOperationException absent) {
            LOG.debug("SIG{} will not be heard", name, absent);
        }
    }
}
