package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * Connections whose work two event loops share badly at first: what a server makes of both cores. How busy each loop is
 * says the kernel, for all servers alike.
 */
final class SpreadWorkload implements Workload {
    static final Duration STEP = Duration.ofMillis(100);

    /** By then the work is to be spread; from then on it counts. */
    static final Duration SETTLED = Duration.ofSeconds(2);

    private static final Duration JUDGED = Duration.ofSeconds(6);

    /** Steps that are taken together, since one is short for a scheduler. */
    private static final int SMOOTHED = 5;

    private static final double EVEN = 0.4;
    private static final int WARM_CONNECTIONS = 16;

    private final String name;
    private final String title;
    private final String mode;
    private final Exchange exchange;
    private final int connections;
    private final int depth;

    /** What was seen of each server in its last round. */
    private final Map<Contender, List<Step>> timelines = new LinkedHashMap<>();

    /** @param mode of the load generator, which decides how badly */
    SpreadWorkload(String name, String title, String mode, Exchange exchange, int connections, int depth) {
        this.name = name;
        this.title = title;
        this.mode = mode;
        this.exchange = exchange;
        this.connections = connections;
        this.depth = depth;
    }

    /**
     * What happened within a moment.
     *
     * @param seconds its end, since the load began
     * @param busy the share of its time that each loop was running, the busiest over all first
     */
    record Step(double seconds, double[] busy) {}

    @Override
    public String name() {
        return name;
    }

    @Override
    public String title() {
        return title;
    }

    Map<Contender, List<Step>> timelines() {
        return timelines;
    }

    @Override
    public String unit() {
        return "message";
    }

    @Override
    public Metric mainMetric() {
        return Metric.THROUGHPUT;
    }

    @Override
    public String plot(Results results) {
        return new Timelines(this).svg();
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException {
        Lab bothCores = lab.onBothCores();
        try (var server = bothCores.start(contender, exchange.reply(), Lab.FOR_SPEED)) {
            try (Load load = bothCores.load(server, "echo", exchange, WARM_CONNECTIONS, 1)) {
                lab.warmUp(server, contender, load);
            }
            if (server.loopNanos().length != 2) {
                throw new IOException("it has no second event loop");
            }
            try (Load load = bothCores.load(server, mode, exchange, connections, depth);
                    Watch watch = new Watch(server)) {
                load.run(SETTLED);
                double began = watch.seconds();
                long answers = load.run(JUDGED);
                double seconds = watch.seconds() - began;
                List<Step> steps = watch.steps();
                timelines.put(contender, steps);
                return judge(steps).with(Metric.THROUGHPUT, answers / seconds);
            }
        }
    }

    /** Looks at the loops while they are loaded, without a pause of the load. */
    private static final class Watch implements AutoCloseable {
        private final ServerProcess server;
        private final List<long[]> nanos = new ArrayList<>();
        private final List<Long> times = new ArrayList<>();
        private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
        private final ScheduledFuture<?> looking;

        Watch(ServerProcess server) {
            this.server = server;
            looking = clock.scheduleAtFixedRate(this::look, 0, STEP.toMillis(), TimeUnit.MILLISECONDS);
        }

        private synchronized void look() {
            try {
                nanos.add(server.loopNanos());
                times.add(System.nanoTime());
            } catch (IOException gone) {
                throw new UncheckedIOException(gone);
            }
        }

        /** Since the first look. */
        synchronized double seconds() {
            return times.isEmpty() ? 0 : (System.nanoTime() - times.get(0)) / 1e9;
        }

        synchronized List<Step> steps() {
            int[] loops = busiestFirst(nanos);
            List<Step> steps = new ArrayList<>();
            for (int i = 1; i < times.size(); i++) {
                long[] before = nanos.get(i - 1);
                long[] after = nanos.get(i);
                double length = times.get(i) - times.get(i - 1);
                double[] busy = IntStream.of(loops)
                        .mapToDouble(loop -> (after[loop] - before[loop]) / length)
                        .toArray();
                steps.add(new Step((times.get(i) - times.get(0)) / 1e9, busy));
            }
            return steps;
        }

        @Override
        public void close() {
            looking.cancel(false);
            clock.shutdownNow();
        }
    }

    /** Which of the two did most in the first half second. */
    private static int[] busiestFirst(List<long[]> nanos) {
        long[] first = nanos.get(0);
        long[] then = nanos.get(SMOOTHED);
        return then[0] - first[0] >= then[1] - first[1] ? new int[] {0, 1} : new int[] {1, 0};
    }

    private static Sample judge(List<Step> steps) {
        List<Step> settled = steps.stream()
                .filter(step -> step.seconds > SETTLED.toMillis() / 1e3)
                .toList();
        Sample sample = new Sample().with(Metric.LESSER_LOOP_PERCENT, lesserShare(settled) * 100);
        for (int from = 0; from + SMOOTHED <= steps.size(); from++) {
            if (lesserShare(steps.subList(from, from + SMOOTHED)) >= EVEN) {
                return sample.with(Metric.EVEN_AFTER_MILLIS, steps.get(from).seconds * 1e3);
            }
        }
        return sample;
    }

    /** Of all work, what the loop did that did less. */
    private static double lesserShare(List<Step> steps) {
        double first = steps.stream().mapToDouble(step -> step.busy[0]).sum();
        double second = steps.stream().mapToDouble(step -> step.busy[1]).sum();
        return Math.min(first, second) / (first + second);
    }
}
