package io.rocketsockets.guice;

import java.lang.StackWalker.Option;
import java.util.Set;

/** Finds the line of the application behind a call, for Guice to show in its errors. */
final class CallSite {
    private static final Set<Class<?>> OURS =
            Set.of(CallSite.class, Assimilate.class, RocketSocketsBinder.class, RocketSocketsModule.class);

    private CallSite() {}

    /** The line that called this package; without the name of its module, as Guice shows lines. */
    static StackTraceElement ofApplication() {
        return StackWalker.getInstance(Option.RETAIN_CLASS_REFERENCE)
                .walk(frames -> frames.filter(frame -> !OURS.contains(frame.getDeclaringClass()))
                        .findFirst())
                .map(frame -> new StackTraceElement(
                        frame.getClassName(), frame.getMethodName(), frame.getFileName(), frame.getLineNumber()))
                .orElseThrow();
    }
}
