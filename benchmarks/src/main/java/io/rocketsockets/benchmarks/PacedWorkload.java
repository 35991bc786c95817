package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.util.List;

/** Messages at a rate that every server sustains, the same for all: how long each waits for its answer. */
final class PacedWorkload implements Workload {
    /** Of the throughput of the slowest server of the run: beyond it queues, not servers, would be compared. */
    private static final double SHARE_OF_SLOWEST = 0.5;

    private final Exchange exchange = Exchange.echo(64);
    private final int connections = 1_000;
    private double messagesPerSecond;

    @Override
    public String name() {
        return "open-loop";
    }

    @Override
    public String title() {
        return "latency, open loop, echo 64 B, %,d conn., half load".formatted(connections);
    }

    @Override
    public String unit() {
        return "message";
    }

    @Override
    public Metric mainMetric() {
        return Metric.P99_MICROS;
    }

    @Override
    public void prepare(Lab lab, List<Contender> contenders) throws IOException {
        double slowest = Double.MAX_VALUE;
        for (Contender contender : contenders) {
            try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                    Load load = lab.echo(server, exchange, connections, 1)) {
                lab.warmUp(server, contender, load);
                slowest =
                        Math.min(slowest, load.run(lab.window()) / (lab.window().toNanos() / 1e9));
            }
        }
        messagesPerSecond = slowest * SHARE_OF_SLOWEST;
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException {
        try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                Load load = new PacedLoad(server, exchange, connections, messagesPerSecond)) {
            try (Load full = lab.echo(server, exchange, connections, 1)) {
                lab.warmUp(server, contender, full);
            }
            load.run(lab.window());
            Meter meter = Meter.start(server, contender);
            return meter.stop(load.run(lab.window())).with(load.latencies());
        }
    }
}
