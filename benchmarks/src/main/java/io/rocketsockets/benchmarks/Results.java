package io.rocketsockets.benchmarks;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

/** Every sample of a run, and the medians and ratios that follow from them. */
final class Results {
    private final List<Workload> workloads;
    private final List<Contender> contenders;

    /** By workload and contender, then by round. */
    private final Map<List<?>, TreeMap<Integer, Sample>> samples = new HashMap<>();

    Results(List<Workload> workloads, List<Contender> contenders) {
        this.workloads = workloads;
        this.contenders = contenders;
    }

    void add(Workload workload, Contender contender, int round, Sample sample) {
        samples.computeIfAbsent(List.of(workload, contender), x -> new TreeMap<>())
                .put(round, sample);
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
        return rounds(workload, contender).keySet().stream()
                .flatMapToDouble(round -> value(workload, contender, metric, round).stream())
                .sorted()
                .toArray();
    }

    OptionalDouble median(Workload workload, Contender contender, Metric metric) {
        return median(values(workload, contender, metric));
    }

    /**
     * The workload's main figure as it is told, one a round, from least to most. A ratio is to what the reference took in the
     * same round, since the machine may be another one in the next.
     */
    double[] figures(Workload workload, Contender contender) {
        Metric metric = workload.mainMetric();
        return rounds(workload, contender).keySet().stream()
                .flatMapToDouble(round -> {
                    OptionalDouble value = value(workload, contender, metric, round);
                    OptionalDouble one =
                            metric.isRelative() ? value(workload, reference(), metric, round) : OptionalDouble.of(1);
                    return value.isPresent() && one.isPresent()
                            ? DoubleStream.of(value.getAsDouble() / one.getAsDouble())
                            : DoubleStream.empty();
                })
                .sorted()
                .toArray();
    }

    /** The median of these. */
    OptionalDouble figure(Workload workload, Contender contender) {
        return median(figures(workload, contender));
    }

    /** The same in words. */
    String told(Workload workload, Contender contender) {
        OptionalDouble figure = figure(workload, contender);
        return figure.isPresent() ? told(workload, figure.getAsDouble()) : "-";
    }

    /** Where the middle half of the rounds lies. */
    String spread(Workload workload, Contender contender) {
        double[] figures = figures(workload, contender);
        return figures.length < 2
                ? "-"
                : told(workload, figures[figures.length / 4]) + " to "
                        + told(workload, figures[figures.length - 1 - figures.length / 4]);
    }

    private static String told(Workload workload, double figure) {
        return workload.mainMetric().isRelative()
                ? "%.3f".formatted(figure)
                : workload.mainMetric().format(figure);
    }

    private TreeMap<Integer, Sample> rounds(Workload workload, Contender contender) {
        return samples.getOrDefault(List.of(workload, contender), new TreeMap<>());
    }

    private OptionalDouble value(Workload workload, Contender contender, Metric metric, int round) {
        Sample sample = rounds(workload, contender).get(round);
        Double value = sample == null ? null : sample.values().get(metric);
        return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
    }

    private static OptionalDouble median(double[] sorted) {
        return Arrays.stream(
                        sorted, Math.max(0, (sorted.length - 1) / 2), Math.min(sorted.length, sorted.length / 2 + 1))
                .average();
    }
}
