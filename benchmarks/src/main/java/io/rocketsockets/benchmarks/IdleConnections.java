package io.rocketsockets.benchmarks;

import io.rocketsockets.benchmarks.servers.Reply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Opens as many idle connections as asked and tells what each takes. The load is a C program that keeps its ends in tables of
 * io_uring, from many source addresses, so that its limit on open files does not count; on rocketsockets:io_uring the
 * server's does not either, but for each loop apart.
 */
@Command(
        name = "idle",
        showDefaultValues = true,
        description = "Opens idle connections to one server and tells the memory of each.")
final class IdleConnections implements Callable<Integer> {
    private static final int WARM_UP_CONNECTIONS = 2_000;
    private static final int STEP = 5_000;
    private static final int MESSAGE_BYTES = 64;
    private static final Duration SETTLE = Duration.ofMillis(500);
    private static final long SETTLED_BYTES = 256 * 1024;

    @Option(names = "--connections", description = "How many.")
    private int connections = 100_000;

    @Option(names = "--server", description = "Which; one of rocketsockets in any variant.")
    private Contender contender = Contender.named("rocketsockets:io_uring");

    @Option(names = "--loops", description = "Event loops of the server; each holds at most `ulimit -n` connections.")
    private int loops = 8;

    @Option(names = "--java-home", description = "The JDK of the server; by default the newest that is installed.")
    private Path javaHome;

    @Option(names = "--jvm", description = "One more option of the server's JVM.")
    private List<String> jvmOptions = new ArrayList<>();

    @Override
    public Integer call() throws IOException, InterruptedException {
        Path folder =
                Files.createDirectories(Path.of("benchmarks/target/results")).toAbsolutePath();
        Optional<Path> program = CCompiler.compile("idle_load", folder);
        if (program.isEmpty()) {
            System.err.println("no C compiler (cc), which the load needs");
            return 1;
        }
        Jdk jdk = javaHome == null ? Jdk.newest() : Jdk.at(javaHome);
        Lab lab = new Lab(jdk, Optional.empty(), Optional.empty(), "1", "0", folder, Duration.ZERO, Duration.ZERO);
        List<String> options = new ArrayList<>(Lab.FOR_MEMORY);
        options.add("-Dloops=" + loops);
        options.addAll(jvmOptions);
        try (ServerProcess server = lab.start(contender, Reply.ECHO, options)) {
            List<String> command =
                    List.of(program.get().toString(), Integer.toString(server.port()), Integer.toString(MESSAGE_BYTES));
            try (Child load = new Child("idle load", command, folder.resolve("load.err"))) {
                measure(server, load);
            }
        }
        return 0;
    }

    private void measure(ServerProcess server, Child load) throws IOException, InterruptedException {
        long open = load.ask(WARM_UP_CONNECTIONS);
        Held before = Held.by(server);
        long began = System.nanoTime();
        while (open < connections) {
            open = load.ask(Math.min(STEP, connections - open));
            System.err.println(open + " open");
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        long count = open - WARM_UP_CONNECTIONS;
        Held each = Held.by(server).minus(before).dividedBy(count);
        System.out.printf(
                "%s: %,d idle connections with ulimit -n %s, opened at %,.0f/s; of each: heap %d B, native %d B, resident %d B%n",
                contender.name(), open, openFiles(), count / seconds, each.heap, each.direct, each.resident);
    }

    private static String openFiles() throws IOException {
        try (var limits = Files.lines(Path.of("/proc/self/limits"))) {
            return limits.filter(line -> line.startsWith("Max open files"))
                    .map(line -> line.split("\\s+")[3])
                    .findFirst()
                    .orElse("?");
        }
    }

    /**
     * What a server holds.
     *
     * @param heap bytes in use after a collection
     * @param direct bytes of memory outside the heap that Java code has allocated
     * @param resident bytes of the process that are in memory
     */
    private record Held(long heap, long direct, long resident) {
        /** Once it no longer changes: compilers and collectors take it and give it back with some delay. */
        static Held by(ServerProcess server) throws IOException, InterruptedException {
            Held before;
            Held now = new Held(0, 0, Long.MAX_VALUE);
            do {
                before = now;
                Thread.sleep(SETTLE.toMillis());
                server.collect();
                now = new Held(server.heapBytes(), server.directBytes(), server.residentBytes());
            } while (Math.abs(before.resident - now.resident) > SETTLED_BYTES);
            return now;
        }

        Held minus(Held other) {
            return new Held(heap - other.heap, direct - other.direct, resident - other.resident);
        }

        Held dividedBy(long count) {
            return new Held(heap / count, direct / count, resident / count);
        }
    }
}
