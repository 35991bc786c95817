package io.rocketsockets.benchmarks;

import java.io.IOException;
import org.HdrHistogram.Histogram;

/** From the start of the process to its first echo; each measurement is the median of several starts. */
record StartUpWorkload(String name, String title, Exchange exchange, int starts) implements Workload {
    @Override
    public String unit() {
        return "start";
    }

    @Override
    public Metric mainMetric() {
        return Metric.FIRST_ECHO_MILLIS;
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException {
        Histogram nanos = new Histogram(3);
        for (int i = 0; i < starts; i++) {
            long start = System.nanoTime();
            try (var server = lab.start(contender, exchange.reply(), Lab.FOR_SPEED);
                    var socket = Sockets.open(server, 0, exchange)) {
                assert socket.isOpen();
                nanos.recordValue(System.nanoTime() - start);
            }
        }
        return new Sample().with(Metric.FIRST_ECHO_MILLIS, nanos.getValueAtPercentile(50) / 1e6);
    }
}
