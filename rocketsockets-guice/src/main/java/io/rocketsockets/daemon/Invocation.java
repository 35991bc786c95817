package io.rocketsockets.daemon;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a command line asks for.
 *
 * @param answer what to say instead of doing anything; null to do it
 * @param arguments what followed {@code --}
 * @param config a properties file, null for none
 * @param assignments what {@code --set} said
 * @param unit for commands that deal with systemd
 */
record Invocation(
        @Nullable Answer answer,
        Command command,
        DaemonArguments arguments,
        @Nullable Path config,
        List<String> assignments,
        UnitRequest unit) {

    enum Command {
        RUN,
        PRINT_CONFIG,
        CHECK_CONFIG,
        UNIT,
        INSTALL,
        UNINSTALL,
        STATUS
    }

    /** A text for the terminal, and how the process then ends. */
    record Answer(ExitStatus status, String text) {
        static Answer ok(String text) {
            return new Answer(ExitStatus.OK, text);
        }
    }

    /**
     * What a unit is to be like, and what becomes of it.
     *
     * @param isUser of the calling user, not of the machine
     * @param account to run as, null for one of systemd's making
     * @param hasSockets whether systemd holds the listening sockets
     * @param isDryRun only tells what would be done
     * @param enables starts with the machine from now on
     * @param starts now
     * @param words what follows {@code run} on the command line of the service
     */
    record UnitRequest(
            boolean isUser,
            @Nullable String account,
            boolean hasSockets,
            boolean isDryRun,
            boolean enables,
            boolean starts,
            List<String> words) {
        static final UnitRequest NONE = new UnitRequest(false, null, false, false, false, false, List.of());
    }

    static Invocation run(List<String> arguments) {
        return new Invocation(null, Command.RUN, new DaemonArguments(arguments), null, List.of(), UnitRequest.NONE);
    }

    static Invocation answered(ExitStatus status, String text) {
        return new Invocation(
                new Answer(status, text),
                Command.RUN,
                new DaemonArguments(List.of()),
                null,
                List.of(),
                UnitRequest.NONE);
    }
}
