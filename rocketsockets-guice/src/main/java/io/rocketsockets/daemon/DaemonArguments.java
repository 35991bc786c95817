package io.rocketsockets.daemon;

import java.util.List;

/**
 * What the command line passed on to the services: the words after {@code --}. A service takes it in its constructor.
 *
 * @param values the words, in order; empty without {@code --}
 */
public record DaemonArguments(List<String> values) {
    public DaemonArguments {
        values = List.copyOf(values);
    }
}
