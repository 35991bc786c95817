package io.rocketsockets.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;

import io.rocketsockets.daemon.Invocation.Answer;
import io.rocketsockets.daemon.Invocation.UnitRequest;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Puts the units of a daemon where systemd looks for them, and takes them away again. Each command can be given again: it
 * does what is left to do. One that fails leaves everything as it was.
 */
final class Installation {
    private static final long PATIENCE_SECONDS = 120;

    private final String name;
    private final Path folder;
    private final boolean isUser;
    private final boolean isBooted;
    private final String systemctl;

    /**
     * @param folder of the unit files
     * @param isBooted whether there is a systemd to talk to
     * @param systemctl the program
     */
    Installation(String name, Path folder, boolean isUser, boolean isBooted, String systemctl) {
        this.name = name;
        this.folder = folder;
        this.isUser = isUser;
        this.isBooted = isBooted;
        this.systemctl = systemctl;
    }

    static Installation of(String name, boolean isUser) {
        Path folder = isUser
                ? Path.of(System.getenv().getOrDefault("XDG_CONFIG_HOME", System.getProperty("user.home") + "/.config"))
                        .resolve("systemd/user")
                : Path.of("/etc/systemd/system");
        return new Installation(name, folder, isUser, Files.isDirectory(Path.of("/run/systemd/system")), "systemctl");
    }

    /** What it cannot do; the message says why, and what to do. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;

        Refusal(String message) {
            super(message);
        }
    }

    /** Something that is done in steps. */
    @FunctionalInterface
    private interface Work {
        void doIt(List<String> report) throws Refusal, IOException;
    }

    private Answer answer(String verb, Work work) {
        List<String> report = new ArrayList<>();
        try {
            work.doIt(report);
            return Answer.ok(String.join("\n", report));
        } catch (Refusal refusal) {
            return new Answer(
                    ExitStatus.UNAVAILABLE, "cannot " + verb + ": service=" + name + " " + refusal.getMessage());
        } catch (AccessDeniedException denied) {
            return new Answer(
                    ExitStatus.UNAVAILABLE,
                    "cannot " + verb + ": service=" + name + " file=" + denied.getFile()
                            + " permission denied; run it as root, or with --user for yourself");
        } catch (IOException failure) {
            return new Answer(
                    ExitStatus.UNAVAILABLE,
                    "cannot " + verb + ": service=" + name + " " + failure + "; nothing was changed");
        }
    }

    // ---- Install ----

    Answer install(UnitFiles units, UnitRequest request) {
        return answer("install", report -> install(units, request, report));
    }

    private void install(UnitFiles units, UnitRequest request, List<String> report) throws Refusal, IOException {
        String hidden = units.hiddenProgram();
        if (hidden != null) {
            throw new Refusal(
                    "program=" + hidden + " is hidden from a service of the machine (ProtectHome, PrivateTmp);"
                            + " move it, to /opt for instance, or install with --user");
        }
        if (request.starts() && !isBooted) {
            throw new Refusal("--now: systemd does not run on this machine; leave --now out, or use the run command");
        }
        Map<String, String> wanted = units.texts();
        Map<Path, @Nullable String> before = contents(wanted);
        Map<Path, String> changes = new LinkedHashMap<>();
        wanted.forEach((file, text) -> {
            Path path = folder.resolve(file);
            String old = before.get(path);
            if (text.equals(old)) {
                report.add("unchanged: " + path);
            } else {
                changes.put(path, text);
                report.add((old == null ? "create: " : "replace: ") + path);
            }
        });
        List<String> startable = wanted.keySet().stream()
                .filter(file -> file.endsWith(".socket"))
                .toList();
        List<String> enabled = Stream.concat(startable.stream(), Stream.of(units.serviceName()))
                .toList();
        if (request.isDryRun()) {
            changes.forEach((path, text) -> report.add("\n" + text.strip()));
            report.add("dry run: nothing was changed");
            return;
        }
        try {
            write(changes);
            if (isBooted && !changes.isEmpty()) {
                systemctl(List.of("daemon-reload"));
            }
            if (request.enables()) {
                systemctl(with(List.of("enable"), enabled));
                report.add("enabled: it starts with the machine");
            }
            if (request.starts()) {
                start(units, startable, changes);
                report.add("started");
            }
        } catch (Refusal | IOException | RuntimeException failure) {
            undo(before, changes, request, enabled);
            throw failure;
        }
        if (!request.starts()) {
            report.add("next: systemctl " + (isUser ? "--user " : "") + "start " + name);
        }
    }

    /** A socket cannot be started while its service runs without it. */
    private void start(UnitFiles units, List<String> sockets, Map<Path, String> changes) throws Refusal {
        boolean socketsAreNew = sockets.stream().anyMatch(file -> changes.containsKey(folder.resolve(file)));
        if (socketsAreNew) {
            systemctl(List.of("stop", units.serviceName()));
        }
        if (!sockets.isEmpty()) {
            systemctl(with(List.of("start"), sockets));
        }
        systemctl(List.of("restart", units.serviceName()));
    }

    private Map<Path, @Nullable String> contents(Map<String, String> wanted) throws Refusal, IOException {
        Map<Path, @Nullable String> contents = new LinkedHashMap<>();
        for (String file : wanted.keySet()) {
            Path path = folder.resolve(file);
            contents.put(path, Files.exists(path) ? ours(path) : null);
        }
        return contents;
    }

    private static String ours(Path path) throws Refusal, IOException {
        String text = Files.readString(path);
        if (!text.startsWith(UnitFiles.MARK)) {
            throw new Refusal("file=" + path + " was written by somebody else; remove it, or choose another name");
        }
        return text;
    }

    private void write(Map<Path, String> files) throws IOException, Refusal {
        if (isUser) {
            Files.createDirectories(folder);
        } else if (!Files.isDirectory(folder)) {
            throw new Refusal("folder=" + folder + " does not exist; this machine has no systemd, use the run command");
        }
        for (Map.Entry<Path, String> each : files.entrySet()) {
            replace(each.getKey(), each.getValue());
        }
    }

    /** The whole text or none of it. */
    private static void replace(Path path, String text) throws IOException {
        Path draft = path.resolveSibling("." + path.getFileName() + ".new");
        try {
            Files.writeString(draft, text);
            Files.move(draft, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    private void undo(
            Map<Path, @Nullable String> before, Map<Path, String> changes, UnitRequest request, List<String> enabled)
            throws IOException {
        boolean wasThere = before.values().stream().anyMatch(old -> old != null);
        if (request.enables() && !wasThere) {
            tryTo(with(List.of("disable", "--now"), enabled));
        }
        for (Path path : changes.keySet()) {
            String old = before.get(path);
            if (old != null) {
                replace(path, old);
            } else {
                Files.deleteIfExists(path);
            }
        }
        if (isBooted) {
            tryTo(List.of("daemon-reload"));
        }
    }

    // ---- Uninstall ----

    Answer uninstall(UnitRequest request) {
        return answer("uninstall", report -> uninstall(request, report));
    }

    private void uninstall(UnitRequest request, List<String> report) throws Refusal, IOException {
        List<Path> files = installed();
        if (files.isEmpty()) {
            report.add(name + " is not installed");
            return;
        }
        for (Path file : files) {
            ours(file);
            report.add((request.isDryRun() ? "would remove: " : "remove: ") + file);
        }
        if (request.isDryRun()) {
            report.add("dry run: nothing was changed");
            return;
        }
        if (!Files.isWritable(folder)) {
            throw new AccessDeniedException(folder.toString());
        }
        List<String> units =
                files.stream().map(file -> String.valueOf(file.getFileName())).toList();
        systemctl(with(isBooted ? List.of("disable", "--now") : List.of("disable"), units));
        for (Path file : files) {
            Files.delete(file);
        }
        if (isBooted) {
            systemctl(List.of("daemon-reload"));
            tryTo(with(List.of("reset-failed"), units)); // fails when there is nothing to forget
        }
    }

    /** Its files, the sockets first: they would start the service again. */
    private List<Path> installed() throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        String mark = UnitFiles.MARK + name + "\n";
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> found = new ArrayList<>();
            for (Path file : files.sorted().toList()) {
                String unit = String.valueOf(file.getFileName());
                if (unit.equals(name + ".service")
                        || unit.startsWith(name)
                                && unit.endsWith(".socket")
                                && Files.readString(file).startsWith(mark)) {
                    found.add(unit.endsWith(".socket") ? 0 : found.size(), file);
                }
            }
            return found;
        }
    }

    // ---- Status ----

    Answer status() {
        return answer("tell the status", report -> {
            if (installed().isEmpty()) {
                throw new Refusal("is not installed; install it, or start it with the run command");
            }
            if (!isBooted) {
                throw new Refusal("is installed, and systemd does not run on this machine");
            }
            String shown = systemctl(List.of(
                    "show",
                    "--property=ActiveState,SubState,StatusText,MainPID,NRestarts,UnitFileState,Result",
                    name + ".service"));
            if (!shown.contains("ActiveState=active\n")) {
                throw new Refusal("does not run: " + shown.strip().replace('\n', ' ') + "; see journalctl "
                        + (isUser ? "--user " : "") + "-u " + name);
            }
            report.add(name + " runs: " + shown.strip().replace('\n', ' '));
        });
    }

    // ---- systemctl ----

    private static List<String> with(List<String> verb, List<String> units) {
        return Stream.concat(verb.stream(), units.stream()).toList();
    }

    /** Where a failure changes nothing. */
    private void tryTo(List<String> arguments) {
        try {
            systemctl(arguments);
        } catch (Refusal told) {
            return; // by the failure that is being undone, or not worth telling
        }
    }

    private String systemctl(List<String> arguments) throws Refusal {
        List<String> command = new ArrayList<>(List.of(systemctl));
        if (isUser) {
            command.add("--user");
        }
        command.addAll(arguments);
        String shown = String.join(" ", command);
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), UTF_8);
            if (!process.waitFor(PATIENCE_SECONDS, SECONDS)) {
                process.destroyForcibly();
                throw new Refusal("'" + shown + "' takes longer than " + PATIENCE_SECONDS + " s; see journalctl");
            }
            if (process.exitValue() != 0) {
                throw new Refusal("'" + shown + "' ended with status " + process.exitValue() + ": " + output.strip()
                        + "; see journalctl");
            }
            return output;
        } catch (IOException absent) {
            throw new Refusal("'" + shown + "' cannot be run: " + absent.getMessage() + "; is systemd installed?");
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new Refusal("'" + shown + "' was interrupted");
        }
    }
}
