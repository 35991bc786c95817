package io.rocketsockets.daemon;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a command line asks for: to run with these arguments, or to be answered and nothing else.
 *
 * @param answer null to run
 */
record Invocation(DaemonArguments arguments, @Nullable Answer answer) {
    /** A text for the terminal, and how the process then ends. */
    record Answer(ExitStatus status, String text) {}

    static Invocation run(List<String> arguments) {
        return new Invocation(new DaemonArguments(arguments), null);
    }

    static Invocation answered(ExitStatus status, String text) {
        return new Invocation(new DaemonArguments(List.of()), new Answer(status, text));
    }
}
