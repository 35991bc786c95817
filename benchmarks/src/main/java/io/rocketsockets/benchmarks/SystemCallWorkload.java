package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** System calls of the whole server for each batch that it answers; counted by strace, so nothing here is timed. */
record SystemCallWorkload(String name, String title, Exchange exchange, int connections) implements Workload {
    @Override
    public String unit() {
        return "batch";
    }

    @Override
    public Metric mainMetric() {
        return Metric.SYSTEM_CALLS;
    }

    /** A count, not a time: once is enough. */
    @Override
    public int rounds(int wanted) {
        return 1;
    }

    @Override
    public void prepare(Lab lab, List<Contender> contenders) throws IOException {
        new ProcessBuilder("strace", "-V").start().onExit().join();
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException, InterruptedException {
        Path counts = lab.folder().resolve("strace.txt");
        try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                Load load = lab.echo(server, exchange, connections, 1)) {
            lab.warmUp(server, contender, load);
            Process strace = server.countSystemCalls(counts);
            long batches = load.run(lab.window());
            strace.destroy();
            strace.waitFor();
            return new Sample().with(Metric.SYSTEM_CALLS, (double) total(counts) / batches);
        }
    }

    /** The last line is: percent, seconds, microseconds a call, calls, errors, "total". */
    private static long total(Path counts) throws IOException {
        for (String line : Files.readAllLines(counts)) {
            if (line.endsWith(" total")) {
                return Long.parseLong(line.trim().split("\\s+")[3]);
            }
        }
        throw new IOException("strace counted nothing: see " + counts);
    }
}
