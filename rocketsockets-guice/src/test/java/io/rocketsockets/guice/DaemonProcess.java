package io.rocketsockets.guice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A {@link TalkingDaemon} in a JVM of its own. */
final class DaemonProcess implements AutoCloseable {
    private static final long DEADLINE_SECONDS = 30;
    private static final String END = "end of output";

    private final Path errors;
    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final List<String> seen = new ArrayList<>();

    private DaemonProcess(Path errors, Process process) {
        this.errors = errors;
        this.process = process;
    }

    /** Arguments that begin with {@code -D} are the JVM's. */
    static DaemonProcess start(String... arguments) throws IOException {
        return start(List.of(), Map.of(), arguments);
    }

    /**
     * @param wrapper a command that runs the command which follows it
     * @param environment added to that of this process
     */
    static DaemonProcess start(List<String> wrapper, Map<String, String> environment, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Dguice_bytecode_gen_option=DISABLED");
        List.of(arguments).stream().filter(a -> a.startsWith("-D")).forEach(command::add);
        command.addAll(List.of("-cp", classPath(), TalkingDaemon.class.getName()));
        List.of(arguments).stream().filter(a -> !a.startsWith("-D")).forEach(command::add);

        Path errors = Files.createTempFile("daemon", ".err");
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        DaemonProcess daemon = new DaemonProcess(errors, process);
        new Thread(daemon::read, "output").start();
        return daemon;
    }

    /** Tests run on the module path, this program on the class path, as most will. */
    private static String classPath() {
        return String.join(
                File.pathSeparator,
                Path.of("target", "test-classes").toAbsolutePath().toString(),
                System.getProperty("jdk.module.path", ""),
                System.getProperty("java.class.path"));
    }

    private void read() {
        try (BufferedReader output = process.inputReader()) {
            output.lines().forEach(lines::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            lines.add(END);
        }
    }

    void awaitLine(String end) throws Exception {
        for (String line = next(); !line.endsWith(end); line = next()) {
            if (line.equals(END)) {
                fail("no line ends with '" + end + "': " + seen + errors());
            }
        }
    }

    /** What follows the text in the first line that contains it. */
    String awaitAfter(String text) throws Exception {
        for (String line = next(); ; line = next()) {
            int at = line.indexOf(text);
            if (at >= 0) {
                return line.substring(at + text.length());
            }
            if (line.equals(END)) {
                fail("no line contains '" + text + "': " + seen + errors());
            }
        }
    }

    /** Where the endpoint {@code default} listens, once the daemon runs. */
    InetSocketAddress awaitAddress() throws Exception {
        String port = awaitAfter("default=/127.0.0.1:").replaceAll("\\D.*", "");
        awaitLine("talking is running");
        return new InetSocketAddress("127.0.0.1", Integer.parseInt(port));
    }

    /** Where an endpoint listens, once it has said so. */
    InetSocketAddress addressOf(String endpoint) throws Exception {
        Pattern listening = Pattern.compile("\\b" + endpoint + "=/127\\.0\\.0\\.1:(\\d+)");
        while (true) {
            for (String line : seen) {
                Matcher found = listening.matcher(line);
                if (found.find()) {
                    return new InetSocketAddress("127.0.0.1", Integer.parseInt(found.group(1)));
                }
            }
            assertThat(next()).as("listening: %s", endpoint).isNotEqualTo(END);
        }
    }

    /** The next line of stdout, or its end. */
    String next() throws Exception {
        String line = lines.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
        assertThat(line).as("next line after %s", seen).isNotNull();
        seen.add(line);
        return line;
    }

    void signal(String name) throws Exception {
        signal(name, process.pid());
    }

    static void signal(String name, long pid) throws Exception {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start().waitFor();
    }

    /** Bit 1 is signal 2; a JVM that inherits it ignored never sees it. */
    static void assumeThatInterruptsAreHeard() throws IOException {
        String ignored = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .map(line -> line.substring("SigIgn:".length()).strip())
                .findFirst()
                .orElseThrow();
        assumeTrue((Long.parseUnsignedLong(ignored, 16) & 0b10) == 0, "skipped: this build ignores SIGINT");
    }

    int exitStatus() throws Exception {
        assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS))
                .as("ends after %s", seen)
                .isTrue();
        while (!seen.contains(END)) {
            next();
        }
        return process.exitValue();
    }

    /** The lines of stdout so far. */
    List<String> output() {
        return seen;
    }

    /** What the services said so far. */
    List<String> calls() {
        return seen.stream().filter(line -> line.matches("(start|stop) \\w+")).toList();
    }

    String errors() throws IOException {
        return Files.readString(errors);
    }

    @Override
    public void close() throws IOException {
        process.descendants().forEach(ProcessHandle::destroyForcibly); // of a wrapper that waits for the daemon
        process.destroyForcibly();
        Files.delete(errors);
    }
}
