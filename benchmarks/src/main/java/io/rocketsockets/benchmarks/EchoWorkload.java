package io.rocketsockets.benchmarks;

import java.io.IOException;

/**
 * Messages and answers in a closed loop: the cost of a message when the server has as much to do as it can.
 *
 * @param unitsPerMessage how many of the units that costs are counted by make one message
 */
record EchoWorkload(
        String name, String title, Exchange exchange, int connections, int depth, String unit, int unitsPerMessage)
        implements Workload {
    @Override
    public Metric mainMetric() {
        return Metric.CPU_MICROS;
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException {
        try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                Load load = lab.echo(server, exchange, connections, depth)) {
            lab.warmUp(server, contender, load);
            Meter meter = Meter.start(server, contender);
            long messages = load.run(lab.window());
            return meter.stop(messages * unitsPerMessage).with(load.latencies());
        }
    }
}
