package io.rocketsockets.daemon;

import io.rocketsockets.daemon.Invocation.Command;
import io.rocketsockets.daemon.Invocation.UnitRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Understands {@code [command] [options] [-- arguments for the services]}, where the options are the application's own and
 * those of the commands. The original's {@code -i}, {@code -u} and {@code -s arguments} stand for {@code install}, {@code
 * uninstall} and {@code -- arguments}, unless the application has options of these names.
 */
final class DaemonCommandLine {
    private static final String CONFIG = "--config";
    private static final String SET = "--set";
    private static final String PRINT_CONFIG = "--print-config";
    private static final String CHECK_CONFIG = "--check-config";
    private static final String USER = "--user";
    private static final String ACCOUNT = "--account";
    private static final String SOCKETS = "--sockets";
    private static final String DRY_RUN = "--dry-run";
    private static final String ENABLE = "--enable";
    private static final String NOW = "--now";

    /** Those of the service's command line are its own; these are for whoever installs it. */
    private static final Set<String> NOT_OF_THE_SERVICE =
            Set.of(PRINT_CONFIG, CHECK_CONFIG, USER, ACCOUNT, SOCKETS, DRY_RUN, ENABLE, NOW, "--help", "--version");

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
        CommandLine root = root();
        List<String> words = translated(args, root.getCommandSpec());
        int end = words.contains("--") ? words.indexOf("--") : words.size();
        try {
            root.parseArgs(words.subList(0, end).toArray(String[]::new));
        } catch (ParameterException mistake) {
            return Invocation.answered(ExitStatus.USAGE, usageOf(mistake));
        }
        ParseResult result = root.getParseResult();
        for (CommandLine asked : result.asCommandLineList()) {
            if (asked.isUsageHelpRequested()) {
                return Invocation.answered(
                        ExitStatus.OK, asked.getUsageMessage().strip());
            }
            if (asked.isVersionHelpRequested()) {
                return Invocation.answered(ExitStatus.OK, name + " " + version);
            }
        }
        List<ParseResult> levels = result.hasSubcommand() ? List.of(result, result.subcommand()) : List.of(result);
        String command = levels.get(levels.size() - 1).commandSpec().name();
        if (command.equals("completion")) {
            return Invocation.answered(ExitStatus.OK, AutoComplete.bash(name, root()));
        }
        List<String> rest = words.subList(Math.min(end + 1, words.size()), words.size());
        return new Invocation(
                null,
                commandOf(command, levels),
                new DaemonArguments(rest),
                config(levels),
                assignments(levels),
                unit(levels, rest));
    }

    /** The original's spelling in today's. */
    private static List<String> translated(List<String> args, CommandSpec root) {
        Map<String, String> today = new LinkedHashMap<>(Map.of(
                "-i", "install", "-u", "uninstall", "-s", "--", "--install", "install", "--uninstall", "uninstall"));
        today.keySet().removeIf(root.optionsMap()::containsKey);
        List<String> words = new ArrayList<>();
        boolean forServices = false;
        for (String word : args) {
            String translation = forServices ? word : today.getOrDefault(word, word);
            if (!translation.equals(word) && !translation.equals("--")) {
                words.add(0, translation); // a command, wherever it stood
            } else {
                words.add(translation);
            }
            forServices |= translation.equals("--");
        }
        return words;
    }

    private Command commandOf(String command, List<ParseResult> levels) {
        return switch (command) {
            case "install" -> Command.INSTALL;
            case "uninstall" -> Command.UNINSTALL;
            case "unit" -> Command.UNIT;
            case "status" -> Command.STATUS;
            default -> {
                if (has(PRINT_CONFIG, levels)) {
                    yield Command.PRINT_CONFIG;
                }
                yield has(CHECK_CONFIG, levels) ? Command.CHECK_CONFIG : Command.RUN;
            }
        };
    }

    private static boolean has(String option, List<ParseResult> levels) {
        return levels.stream().anyMatch(level -> level.hasMatchedOption(option));
    }

    private static @Nullable Path config(List<ParseResult> levels) {
        Path last = null;
        for (ParseResult level : levels) {
            Path given = level.matchedOptionValue(CONFIG, (Path) null);
            last = given == null ? last : given.toAbsolutePath();
        }
        return last;
    }

    private static List<String> assignments(List<ParseResult> levels) {
        return levels.stream()
                .flatMap(level -> level.matchedOptionValue(SET, List.<String>of()).stream())
                .toList();
    }

    private static UnitRequest unit(List<ParseResult> levels, List<String> rest) {
        ParseResult last = levels.get(levels.size() - 1);
        List<String> words = new ArrayList<>();
        levels.forEach(level -> wordsOf(level, words));
        if (!rest.isEmpty()) {
            words.add("--");
            words.addAll(rest);
        }
        return new UnitRequest(
                last.hasMatchedOption(USER),
                last.matchedOptionValue(ACCOUNT, (String) null),
                last.hasMatchedOption(SOCKETS),
                last.hasMatchedOption(DRY_RUN),
                last.hasMatchedOption(ENABLE),
                last.hasMatchedOption(NOW),
                words);
    }

    /** The options again, for the command line of the service; files by their whole path, since it runs elsewhere. */
    private static void wordsOf(ParseResult level, List<String> words) {
        for (ArgSpec matched : level.matchedOptionsSet()) {
            OptionSpec option = (OptionSpec) matched;
            if (NOT_OF_THE_SERVICE.contains(option.longestName())) {
                continue;
            }
            if (option.arity().max() == 0) {
                words.add(option.longestName());
                continue;
            }
            for (String value : option.originalStringValues()) {
                boolean isFile = option.type() == Path.class;
                words.add(option.longestName() + "="
                        + (isFile ? Path.of(value).toAbsolutePath().toString() : value));
            }
        }
    }

    // ---- The commands ----

    private CommandLine root() {
        CommandSpec root = spec(false).name(name);
        root.addSubcommand(
                "run", described(spec(false), "Runs until told to stop; so does a command line without a command."));
        root.addSubcommand(
                "install",
                described(
                        withInstallation(spec(true)),
                        "Installs a systemd service that runs with the options given here."));
        root.addSubcommand(
                "uninstall", described(withoutRun(USER, DRY_RUN), "Stops and removes what install has installed."));
        root.addSubcommand("unit", described(spec(true), "Prints the unit files that install would write."));
        root.addSubcommand("status", described(withoutRun(USER), "Tells whether the installed service runs."));
        root.addSubcommand(
                "completion",
                described(
                        withoutRun(),
                        "Prints completion for bash and zsh.",
                        "Use it with: source <(" + name + " completion)"));
        Map<String, String> statuses = new LinkedHashMap<>();
        for (ExitStatus status : ExitStatus.values()) {
            statuses.put(" " + status.code(), status.meaning());
        }
        statuses.put("143", "stopped by SIGTERM, as it should be; 130 by SIGINT");
        root.usageMessage().exitCodeListHeading("%nExit status:%n");
        root.usageMessage().exitCodeList(statuses);
        return new CommandLine(root);
    }

    private static CommandSpec described(CommandSpec spec, String... description) {
        spec.usageMessage().description(description);
        return spec;
    }

    /** Options of the application and of every run; a unit's on top, for the command line of a service. */
    private CommandSpec spec(boolean isUnit) {
        CommandSpec spec = options == null ? CommandSpec.create() : CommandSpec.forAnnotatedObject(options);
        spec.mixinStandardHelpOptions(true);
        add(
                spec,
                OptionSpec.builder(CONFIG)
                        .paramLabel("FILE")
                        .type(Path.class)
                        .description("Properties that override the program's configuration."));
        add(
                spec,
                OptionSpec.builder(SET)
                        .paramLabel("KEY=VALUE")
                        .type(List.class)
                        .auxiliaryTypes(String.class)
                        .description("Overrides one, also what FILE and ROCKETSOCKETS_... variables say."));
        if (isUnit) {
            add(spec, flag(USER, "A service of the calling user rather than of the machine."));
            add(
                    spec,
                    OptionSpec.builder("-a", ACCOUNT)
                            .paramLabel("ACCOUNT")
                            .type(String.class)
                            .description("The account to run as (default: one that systemd makes)."));
            add(spec, flag(SOCKETS, "systemd holds the listening sockets, so that a restart refuses nobody."));
        } else {
            add(spec, flag(PRINT_CONFIG, "Shows every option, its value and where it comes from, and ends."));
            add(spec, flag(CHECK_CONFIG, "Checks the configuration, and ends."));
        }
        spec.usageMessage().footer("", "What follows -- is passed on to the services.");
        return spec;
    }

    private static CommandSpec withInstallation(CommandSpec spec) {
        add(spec, flag(DRY_RUN, "Only tells what would be done."));
        add(spec, flag(ENABLE, "Starts with the machine from now on."));
        add(spec, flag(NOW, "Starts at once, or restarts what runs."));
        return spec;
    }

    private static CommandSpec withoutRun(String... flags) {
        CommandSpec spec = CommandSpec.create().mixinStandardHelpOptions(true);
        for (String each : flags) {
            add(spec, flag(each, each.equals(USER) ? "The calling user's service." : "Only tells what would be done."));
        }
        return spec;
    }

    /** The application's option of a name comes first. */
    private static void add(CommandSpec spec, OptionSpec.Builder option) {
        OptionSpec built = option.build();
        if (Stream.of(built.names()).noneMatch(spec.optionsMap()::containsKey)) {
            spec.addOption(built);
        }
    }

    private static OptionSpec.Builder flag(String name, String description) {
        return OptionSpec.builder(name).type(boolean.class).arity("0").description(description);
    }

    private String usageOf(ParameterException mistake) {
        CommandLine where = mistake.getCommandLine();
        String synopsis = where.getHelp().fullSynopsis().strip();
        return name + ": " + mistake.getMessage() + suggestion(mistake) + "\n" + synopsis + "\nTry '" + name
                + " --help'.";
    }

    private static String suggestion(ParameterException mistake) {
        if (!(mistake instanceof UnmatchedArgumentException unmatched)) {
            return "";
        }
        String word = unmatched.getUnmatched().get(0);
        CommandSpec spec = mistake.getCommandLine().getCommandSpec();
        Set<String> known = new TreeSet<>(
                word.startsWith("-")
                        ? spec.optionsMap().keySet()
                        : spec.subcommands().keySet());
        return Spelling.nearest(word.replaceFirst("=.*", ""), known)
                .map(nearest -> "; did you mean '" + nearest + "'?")
                .orElse("");
    }
}
