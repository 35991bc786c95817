package io.rocketsockets;

import io.rocketsockets.engine.TransportException;
import java.util.List;
import org.slf4j.Logger;

/** The one place that logs for a loop: what callbacks throw may throw again when it is printed, and so may the log. */
final class Faults {
    private Faults() {}

    /** What a loop may need first when descriptors have run out and no class can be loaded from a folder any more. */
    static final List<Class<?>> NEEDED_LATER = List.of(
            Connection.class,
            Connection.Linger.class,
            LogLimit.class,
            Completion.class,
            SocketClosedException.class,
            WriteQueueFullException.class,
            TransportException.class);

    /** Loads this class and those; a loading that has failed would fail for ever (JVMS 5.4.3). */
    static void prepare() {}

    /** Runs what only logs a line. Where that fails there is no place left to say so. */
    static void say(Runnable line) {
        try {
            line.run();
        } catch (Throwable unsaid) {
            return;
        }
    }

    /** Closes what is done with; that it cannot be closed must not keep its owner from ending. */
    static void close(Logger log, Object whose, Runnable how) {
        try {
            how.run();
        } catch (Throwable fault) {
            log(log, "cannot close: " + whose, fault);
        }
    }

    static void log(Logger log, String what, Throwable fault) {
        try {
            log.warn(what, fault);
        } catch (Throwable unprintable) {
            logClassOnly(log, what, fault, unprintable);
        }
    }

    /** A provider that fails even here must not take the loop with it: an out of memory, or a full disk. */
    private static void logClassOnly(Logger log, String what, Throwable fault, Throwable unprintable) {
        try {
            log.warn(
                    "{}: {}; logging it failed: {}",
                    what,
                    fault.getClass().getName(),
                    unprintable.getClass().getName());
        } catch (Throwable hopeless) {
            return; // it may be the very fault: there is one OutOfMemoryError for when there is no room for another
        }
    }
}
