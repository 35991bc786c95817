package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.time.Duration;

/**
 * A running server that has always as much to do as it can, warm: to be measured as often as one likes.
 *
 * @param unitsPerAnswer how many of the units that costs are counted by make one answer
 */
record ClosedLoop(ServerProcess server, Contender contender, Load load, int unitsPerAnswer) implements AutoCloseable {

    /** A question that is put in a closed loop. */
    interface Question extends Workload {
        @Override
        default Metric mainMetric() {
            return Metric.CPU_MICROS;
        }

        /** Starts the server and its load; it is not warm yet. */
        ClosedLoop start(Lab lab, Contender contender) throws IOException;

        @Override
        default Sample measure(Lab lab, Contender contender) throws IOException {
            try (ClosedLoop loop = start(lab, contender)) {
                loop.warmUp(lab);
                return loop.measure(lab.window());
            }
        }
    }

    void warmUp(Lab lab) throws IOException {
        lab.warmUp(server, contender, load);
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
