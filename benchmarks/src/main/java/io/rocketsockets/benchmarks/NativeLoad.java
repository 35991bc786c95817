package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.time.Duration;
import org.HdrHistogram.Histogram;

/** The load generator in C, which counts answers only. */
record NativeLoad(Child child) implements Load {
    @Override
    public long run(Duration time) throws IOException {
        return child.ask(time.toMillis());
    }

    @Override
    public Histogram latencies() {
        return new Histogram(1);
    }

    @Override
    public void close() {
        child.close();
    }
}
