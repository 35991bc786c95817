package io.rocketsockets.daemon;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * Understands {@code [run] [options] [-- arguments]}, where the options are the application's own, {@code --help} and
 * {@code --version}. Further commands are further sub-commands beside {@code run}.
 */
final class DaemonCommandLine {
    private final String name;
    private final String version;
    private final @Nullable Object options;

    DaemonCommandLine(String name, String version, @Nullable Object options) {
        this.name = name;
        this.version = version;
        this.options = options;
    }

    /** Fills the application's options. What follows {@code --} is kept from picocli, which would read a typo as one. */
    Invocation parse(List<String> args) {
        int end = args.contains("--") ? args.indexOf("--") : args.size();
        CommandLine command = command();
        try {
            command.parseArgs(args.subList(0, end).toArray(String[]::new));
        } catch (ParameterException mistake) {
            return Invocation.answered(ExitStatus.USAGE, usageOf(mistake));
        }
        for (CommandLine asked : command.getParseResult().asCommandLineList()) {
            if (asked.isUsageHelpRequested()) {
                return Invocation.answered(
                        ExitStatus.OK, asked.getUsageMessage().strip());
            }
            if (asked.isVersionHelpRequested()) {
                return Invocation.answered(ExitStatus.OK, name + " " + version);
            }
        }
        return Invocation.run(args.subList(Math.min(end + 1, args.size()), args.size()));
    }

    private CommandLine command() {
        CommandSpec run = spec();
        run.usageMessage().description("Runs until told to stop; so does a command line without a command.");
        CommandSpec root = spec().name(name).addSubcommand("run", run);
        return new CommandLine(root);
    }

    private CommandSpec spec() {
        CommandSpec spec = options == null ? CommandSpec.create() : CommandSpec.forAnnotatedObject(options);
        spec.mixinStandardHelpOptions(true);
        spec.usageMessage().footer("", "What follows -- is passed on to the services.");
        return spec;
    }

    private String usageOf(ParameterException mistake) {
        String synopsis = mistake.getCommandLine().getHelp().fullSynopsis().strip();
        return name + ": " + mistake.getMessage() + "\n" + synopsis + "\nTry '" + name + " --help'.";
    }
}
