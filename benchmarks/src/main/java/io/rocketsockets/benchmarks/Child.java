package io.rocketsockets.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A program of ours in a process of its own: it says {@code READY <number>}, then answers each command, a line on its
 * standard input, by one number.
 *
 * <p><b>Ownership:</b> {@link #close} kills the process; it ends by itself when this one does, since its input ends.
 * <p><b>Failure:</b> one that has not been closed within the deadline is killed, so that nobody waits for it for ever.
 */
final class Child implements AutoCloseable {
    private static final String READY = "READY ";
    private static final Duration DEADLINE = Duration.ofMinutes(30);

    private final String role;
    private final Process process;
    private final Path errors;
    private final BufferedReader answers;
    private final PrintStream commands;
    private final int ready;

    /** Returns when the program is ready; its role is what an error calls it. */
    Child(String role, List<String> command, Path errors) throws IOException {
        this.role = role;
        this.errors = errors;
        process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
        CompletableFuture.delayedExecutor(DEADLINE.toSeconds(), TimeUnit.SECONDS)
                .execute(process::destroyForcibly);
        answers = process.inputReader(StandardCharsets.US_ASCII);
        commands = new PrintStream(process.getOutputStream(), true, StandardCharsets.US_ASCII);
        String line = nextLine();
        while (!line.startsWith(READY)) {
            line = nextLine();
        }
        ready = Integer.parseInt(line.substring(READY.length()));
    }

    /** The number that it said when it was ready. */
    int ready() {
        return ready;
    }

    long ask(Object command) throws IOException {
        commands.println(command);
        return Long.parseLong(nextLine());
    }

    long pid() {
        return process.pid();
    }

    /** A file of /proc/PID. */
    Path proc(String file) {
        return Path.of("/proc", Long.toString(pid()), file);
    }

    private String nextLine() throws IOException {
        String line = answers.readLine();
        if (line == null) {
            close();
            throw new IOException(role + " ended: " + reason());
        }
        return line;
    }

    /** The innermost cause of a Java program, else the first line. */
    private String reason() throws IOException {
        List<String> lines = Files.readAllLines(errors);
        return lines.stream()
                .filter(line -> line.startsWith("Caused by: "))
                .reduce((outer, inner) -> inner)
                .orElse(lines.isEmpty() ? "it said nothing" : lines.get(0));
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
