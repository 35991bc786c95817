package io.rocketsockets.benchmarks;

import java.util.Locale;

/** What one measurement can tell; which of them it does depends on the workload. */
enum Metric {
    CPU_MICROS("CPU", "µs/unit", 2),
    BUSY_PERCENT("core busy", "%", 0),
    THROUGHPUT("throughput", "unit/s", 0),
    P50_MICROS("p50", "µs", 0),
    P99_MICROS("p99", "µs", 0),
    P999_MICROS("p99.9", "µs", 0),
    ALLOCATED_BYTES("allocated", "B/unit", 1),
    RESIDENT_BYTES("RSS", "B/unit", 0),
    LESSER_LOOP_PERCENT("work of the lesser loop", "%", 0),
    EVEN_AFTER_MILLIS("40 to 60 % each after", "ms", 0),
    FIRST_ECHO_MILLIS("first echo", "ms", 0),
    SYSTEM_CALLS("system calls", "calls/unit", 2);

    private final String title;
    private final String unit;
    private final int decimals;

    Metric(String title, String unit, int decimals) {
        this.title = title;
        this.unit = unit;
        this.decimals = decimals;
    }

    /** Whether it is told as a multiple of the reference's: time on a shared machine means nothing by itself. */
    boolean isRelative() {
        return this == CPU_MICROS;
    }

    /** Its name and unit, where costs are counted by this unit of work. */
    String heading(String unitOfWork) {
        return "%s (%s)".formatted(title, unit.replace("unit", unitOfWork));
    }

    String format(double value) {
        return String.format(Locale.ROOT, "%,." + decimals + "f", value);
    }
}
