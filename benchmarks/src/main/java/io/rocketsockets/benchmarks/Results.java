package io.rocketsockets.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Every sample of a run, and the medians and ratios that follow from them. */
final class Results {
    private final List<Workload> workloads;
    private final List<Contender> contenders;
    private final Map<List<?>, List<Sample>> samples = new HashMap<>();

    Results(List<Workload> workloads, List<Contender> contenders) {
        this.workloads = workloads;
        this.contenders = contenders;
    }

    void add(Workload workload, Contender contender, Sample sample) {
        samples.computeIfAbsent(List.of(workload, contender), x -> new ArrayList<>())
                .add(sample);
    }

    List<Workload> workloads() {
        return workloads;
    }

    List<Contender> contenders() {
        return contenders;
    }

    /** What every ratio is taken to: C where it was measured, else the bare loop, else what was named first. */
    Contender reference() {
        return contenders.stream()
                .filter(contender -> contender.equals(Contender.C_EPOLL))
                .findFirst()
                .or(() -> contenders.stream().filter(Contender.BARE_NIO::equals).findFirst())
                .orElse(contenders.get(0));
    }

    /** One value a round, from least to most. */
    double[] values(Workload workload, Contender contender, Metric metric) {
        return samples.getOrDefault(List.of(workload, contender), List.of()).stream()
                .map(Sample::values)
                .filter(values -> values.containsKey(metric))
                .mapToDouble(values -> values.get(metric))
                .sorted()
                .toArray();
    }

    OptionalDouble median(Workload workload, Contender contender, Metric metric) {
        double[] values = values(workload, contender, metric);
        if (values.length == 0) {
            return OptionalDouble.empty();
        }
        return Arrays.stream(values, (values.length - 1) / 2, values.length / 2 + 1)
                .average();
    }

    /** What the workload's main figure is divided by to be told: the reference's median, or 1. */
    double scale(Workload workload) {
        return workload.mainMetric().isRelative()
                ? median(workload, reference(), workload.mainMetric()).orElse(Double.NaN)
                : 1;
    }

    /** The workload's main figure as it is told: a ratio where that is what it means. */
    OptionalDouble figure(Workload workload, Contender contender) {
        OptionalDouble median = median(workload, contender, workload.mainMetric());
        return median.isPresent() ? OptionalDouble.of(median.getAsDouble() / scale(workload)) : median;
    }

    /** The same in words. */
    String told(Workload workload, Contender contender) {
        OptionalDouble figure = figure(workload, contender);
        if (figure.isEmpty() || Double.isNaN(figure.getAsDouble())) {
            return "-";
        }
        return workload.mainMetric().isRelative()
                ? "%.2f".formatted(figure.getAsDouble())
                : workload.mainMetric().format(figure.getAsDouble());
    }
}
