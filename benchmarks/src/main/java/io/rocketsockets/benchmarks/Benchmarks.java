package io.rocketsockets.benchmarks;

import io.rocketsockets.benchmarks.servers.Reply;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;

/** The one command: measures the chosen servers under the chosen workloads in turn, and reports. */
@Command(
        name = "benchmarks/run",
        showDefaultValues = true,
        sortOptions = false,
        subcommands = {IdleConnections.class, DaemonStart.class},
        description = "Measures socket servers side by side on this machine.")
final class Benchmarks implements Callable<Integer> {
    @Option(
            names = "--servers",
            split = ",",
            showDefaultValue = Visibility.NEVER,
            description = "Which, in the order of the report; by default: ${servers}. After the colon any transport or"
                    + " engine that the server knows.")
    private List<Contender> servers = Contender.STANDARD;

    @Option(
            names = "--workloads",
            split = ",",
            showDefaultValue = Visibility.NEVER,
            description = "Which of: ${workloads}.")
    private List<Workload> workloads = Workloads.STANDARD;

    @Option(names = "--rounds", description = "How often each is measured, in turn with the others.")
    private int rounds = 3;

    @Option(
            names = "--warm-up",
            description = "Most seconds of processor time for a server's compilers before the measured window.")
    private double warmUp = 12;

    @Option(names = "--seconds", description = "Seconds of the measured window.")
    private double seconds = 2;

    @Option(
            names = "--side-by-side",
            description =
                    "Closed loops only: all servers stay, and are measured window by window in turn, each as often"
                            + " as there are rounds. For small differences: many rounds, short windows.")
    private boolean sideBySide;

    @Option(names = "--quick", description = "One short round: shows that all of it works, not how fast it is.")
    private boolean quick;

    @Option(
            names = "--generator",
            description = "Who makes the closed-loop load: ${COMPLETION-CANDIDATES}; C only where there is a compiler.")
    private Generator generator = Generator.C;

    @Option(names = "--java-home", description = "The JDK of the servers; by default the newest that is installed.")
    private Path javaHome;

    @Option(names = "--server-core", description = "The core that servers are pinned to.")
    private int serverCore = 1;

    @Option(names = "--load-core", description = "The core that the load generator is pinned to.")
    private int loadCore = 0;

    @Option(names = "--output", description = "Where report.md, results.json and the plots go.")
    private Path output = Path.of("benchmarks/target/results");

    @Option(names = "--help", usageHelp = true, description = "This text.")
    private boolean help;

    private enum Generator {
        C,
        JAVA
    }

    private final Set<String> notes = new LinkedHashSet<>();

    public static void main(String[] args) {
        System.setProperty("servers", String.join(", ", Contender.names()));
        System.setProperty("workloads", String.join(", ", Workloads.names()));
        System.exit(new CommandLine(new Benchmarks())
                .registerConverter(Contender.class, Contender::named)
                .registerConverter(Workload.class, Workloads::named)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(args));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (quick) {
            rounds = 1;
            warmUp = 2;
            seconds = 0.5;
            note("quick: shows that all of it works, not how fast it is");
        }
        Files.createDirectories(output);
        Lab lab = lab();
        pinThisProcess();
        List<Contender> available = available(lab);
        if (available.isEmpty()) {
            return 1;
        }
        Results results = new Results(workloads, available);
        for (Workload workload : workloads) {
            measure(workload, lab, results);
        }
        System.out.println(new Report(Environment.of(lab, rounds), notes, results).writeTo(output));
        return 0;
    }

    private Lab lab() throws IOException, InterruptedException {
        Path folder = output.toAbsolutePath();
        return new Lab(
                javaHome == null ? Jdk.newest() : Jdk.at(javaHome),
                CCompiler.compile("epoll_echo", folder),
                generator == Generator.C ? CCompiler.compile("epoll_load", folder) : Optional.empty(),
                Integer.toString(serverCore),
                Integer.toString(loadCore),
                folder,
                Duration.ofMillis(Math.round(warmUp * 1e3)),
                Duration.ofMillis(Math.round(seconds * 1e3)));
    }

    /** All threads, also of the collector and the compiler: the other core is the servers'. */
    private void pinThisProcess() throws IOException, InterruptedException {
        String id = Long.toString(ProcessHandle.current().pid());
        new ProcessBuilder("taskset", "-apc", Integer.toString(loadCore), id)
                .start()
                .waitFor();
    }

    /** Those that start here; what does not is left out once, with its reason. */
    private List<Contender> available(Lab lab) {
        List<Contender> available = new ArrayList<>();
        for (Contender contender : servers) {
            try {
                lab.start(contender, Reply.ECHO, Lab.FOR_SPEED).close();
                available.add(contender);
            } catch (IOException e) {
                note(contender.name() + " is left out: " + e.getMessage());
            }
        }
        return available;
    }

    private void measure(Workload workload, Lab lab, Results results) throws IOException, InterruptedException {
        try {
            workload.prepare(lab, results.contenders());
        } catch (IOException | UncheckedIOException e) {
            note(workload.name() + " is left out: " + e.getMessage());
            return;
        }
        if (sideBySide && workload instanceof ClosedLoop.Question question) {
            measureSideBySide(question, lab, results);
            return;
        }
        for (int round = 1; round <= workload.rounds(rounds); round++) {
            for (Contender contender : results.contenders()) {
                measure(workload, results, contender, round, () -> workload.measure(lab, contender));
            }
        }
    }

    private void measureSideBySide(ClosedLoop.Question question, Lab lab, Results results)
            throws IOException, InterruptedException {
        List<ClosedLoop> loops = new ArrayList<>();
        try {
            for (Contender contender : results.contenders()) {
                loops.add(question.start(lab, contender));
            }
            while (!loops.stream().allMatch(loop -> loop.warming().isOver())) {
                for (ClosedLoop loop : loops) {
                    loop.warming().step(); // also who is warm, so that no connection is idle for long
                }
            }
            for (int round = 1; round <= rounds; round++) {
                for (ClosedLoop loop : loops) {
                    measure(question, results, loop.contender(), round, () -> loop.measure(lab.window()));
                }
            }
        } catch (IOException | UncheckedIOException e) {
            note(question.name() + " is left out: " + e.getMessage());
        } finally {
            for (ClosedLoop loop : loops) {
                loop.close();
            }
        }
    }

    private interface Measurement {
        Sample take() throws IOException, InterruptedException;
    }

    private void measure(Workload workload, Results results, Contender contender, int round, Measurement measurement)
            throws InterruptedException {
        try {
            Sample sample = measurement.take();
            results.add(workload, contender, round, sample);
            double figure = sample.values().get(workload.mainMetric());
            System.err.printf(
                    "%-16s round %d  %-28s %10s %s%n",
                    workload.name(),
                    round,
                    contender.name(),
                    workload.mainMetric().format(figure),
                    workload.mainMetric().heading(workload.unit()));
        } catch (IOException | UncheckedIOException e) {
            note("%s failed under %s: %s".formatted(contender.name(), workload.name(), e.getMessage()));
        }
    }

    private void note(String note) {
        System.err.println(note);
        notes.add(note);
    }
}
