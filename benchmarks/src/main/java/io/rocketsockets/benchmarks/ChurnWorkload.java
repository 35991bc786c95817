package io.rocketsockets.benchmarks;

import java.io.IOException;

/** Connect, one echo, close: the cost of a connection's whole life. */
record ChurnWorkload(String name, String title, Exchange exchange, int atOnce) implements Workload {
    @Override
    public String unit() {
        return "cycle";
    }

    @Override
    public Metric mainMetric() {
        return Metric.CPU_MICROS;
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException {
        try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                Load load = lab.churn(server, exchange, atOnce)) {
            lab.warmUp(server, contender, load);
            Meter meter = Meter.start(server, contender);
            return meter.stop(load.run(lab.window()));
        }
    }
}
