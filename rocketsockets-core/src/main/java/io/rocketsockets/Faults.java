package io.rocketsockets;

import org.slf4j.Logger;

/** The one place that logs what callbacks throw, which may throw again when it is printed. */
final class Faults {
    private Faults() {}

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
            fault.addSuppressed(hopeless);
        }
    }
}
