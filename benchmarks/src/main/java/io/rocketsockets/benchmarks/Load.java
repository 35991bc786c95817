package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.time.Duration;
import org.HdrHistogram.Histogram;

/** The clients of one server. They are connected, and have been answered rightly once, when this exists. */
interface Load extends AutoCloseable {
    /** Keeps the load up for so long and returns the number of answers, or of whole cycles. */
    long run(Duration time) throws IOException;

    /** From request to answer in the last run, in nanoseconds; empty where this load does not tell. */
    Histogram latencies();

    @Override
    void close() throws IOException;
}
