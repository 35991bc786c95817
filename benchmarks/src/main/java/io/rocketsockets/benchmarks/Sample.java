package io.rocketsockets.benchmarks;

import java.util.EnumMap;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** What one measurement of one server said. */
final class Sample {
    private final Map<Metric, Double> values = new EnumMap<>(Metric.class);

    Sample with(Metric metric, double value) {
        values.put(metric, value);
        return this;
    }

    Sample with(Histogram nanos) {
        if (nanos.getTotalCount() == 0) {
            return this;
        }
        return with(Metric.P50_MICROS, nanos.getValueAtPercentile(50) / 1e3)
                .with(Metric.P99_MICROS, nanos.getValueAtPercentile(99) / 1e3)
                .with(Metric.P999_MICROS, nanos.getValueAtPercentile(99.9) / 1e3);
    }

    Map<Metric, Double> values() {
        return values;
    }
}
