package io.rocketsockets.benchmarks;

import java.io.IOException;

/**
 * The measured window of one server: what it has used since {@link #start}.
 *
 * <p>The allocation counter is asked outside the window of the processor time, since answering costs some.
 */
final class Meter {
    private final ServerProcess server;
    private final boolean isJava;
    private final long allocatedBytes;
    private final long cpuNanos;
    private final long nanoTime;

    private Meter(ServerProcess server, boolean isJava) throws IOException {
        this.server = server;
        this.isJava = isJava;
        this.allocatedBytes = isJava ? server.allocatedBytes() : 0;
        this.cpuNanos = server.cpuNanos();
        this.nanoTime = System.nanoTime();
    }

    static Meter start(ServerProcess server, Contender contender) throws IOException {
        return new Meter(server, contender.isJava());
    }

    /** The cost of so many units of work. */
    Sample stop(double units) throws IOException {
        double seconds = (System.nanoTime() - nanoTime) / 1e9;
        double cpuSeconds = (server.cpuNanos() - cpuNanos) / 1e9;
        Sample sample = new Sample()
                .with(Metric.CPU_MICROS, cpuSeconds * 1e6 / units)
                .with(Metric.BUSY_PERCENT, cpuSeconds * 100 / seconds)
                .with(Metric.THROUGHPUT, units / seconds);
        return isJava
                ? sample.with(Metric.ALLOCATED_BYTES, (server.allocatedBytes() - allocatedBytes) / units)
                : sample;
    }
}
