package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.time.Duration;

/**
 * A running server that has always as much to do as it can, to be measured as often as one likes once it is warm.
 *
 * @param unitsPerAnswer how many of the units that costs are counted by make one answer
 */
record ClosedLoop(ServerProcess server, Contender contender, Load load, WarmUp warming, int unitsPerAnswer)
        implements AutoCloseable {

    /** A question that is put in a closed loop. */
    interface Question extends Workload {
        @Override
        default Metric mainMetric() {
            return Metric.CPU_MICROS;
        }

        /** Starts the server and its load. */
        ClosedLoop start(Lab lab, Contender contender) throws IOException;

        @Override
        default Sample measure(Lab lab, Contender contender) throws IOException {
            try (ClosedLoop loop = start(lab, contender)) {
                loop.warming().finish();
                return loop.measure(lab.window());
            }
        }
    }

    Sample measure(Duration window) throws IOException {
        Meter meter = Meter.start(server, contender);
        long answers = load.run(window);
        return meter.stop(answers * unitsPerAnswer).with(load.latencies());
    }

    @Override
    public void close() throws IOException {
        try (server) {
            load.close();
        }
    }
}
