package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;

/**
 * What a run found, for three readers: tables for a person, JSON for a program, plots for a page.
 *
 * @param environment what it was measured on
 * @param notes what was left out or failed, and why
 */
record Report(Map<String, String> environment, Set<String> notes, Results results) {

    /** Writes all of it and returns the text for a person. */
    String writeTo(Path folder) throws IOException {
        String markdown = markdown();
        Files.writeString(folder.resolve("report.md"), markdown);
        Files.writeString(folder.resolve("results.json"), Json.write(json()));
        for (Workload workload : results.workloads()) {
            Files.writeString(folder.resolve(workload.name() + ".svg"), workload.plot(results));
        }
        return markdown;
    }

    private String markdown() {
        var text = new StringJoiner("\n", "", "\n");
        text.add("# Benchmarks").add("");
        text.add("CPU: user and system time of the server's process per unit of work, as a multiple of what "
                + results.reference().name() + " took in the same round. Medians over the rounds, and where the middle"
                + " half of them lies; less is better, but for throughput.");
        text.add("");
        environment.forEach((fact, value) -> text.add("- " + fact + ": " + value));
        notes.forEach(note -> text.add("- " + note));
        text.add("").add(overview());
        for (Workload workload : results.workloads()) {
            text.add("## " + workload.title()).add("");
            text.add("![" + workload.title() + "](" + workload.name() + ".svg)").add("");
            text.add(details(workload));
        }
        return text.toString();
    }

    /** Every server's main figure under every workload. */
    private String overview() {
        List<List<String>> rows = new ArrayList<>();
        for (Workload workload : results.workloads()) {
            List<String> row = new ArrayList<>(List.of(
                    workload.title(),
                    workload.mainMetric().isRelative()
                            ? "CPU ratio"
                            : workload.mainMetric().heading(workload.unit())));
            results.contenders().forEach(contender -> row.add(results.told(workload, contender)));
            rows.add(row);
        }
        List<String> head = new ArrayList<>(List.of("workload", "figure"));
        results.contenders().forEach(contender -> head.add(contender.name()));
        return table(head, rows);
    }

    /** Everything that was measured under one workload, a row for each server. */
    private String details(Workload workload) {
        List<Metric> metrics = Arrays.stream(Metric.values())
                .filter(metric -> results.contenders().stream()
                        .anyMatch(contender ->
                                results.median(workload, contender, metric).isPresent()))
                .toList();
        List<String> head = new ArrayList<>(List.of("server", "figure", "middle half"));
        metrics.forEach(metric -> head.add(metric.heading(workload.unit())));
        List<List<String>> rows = new ArrayList<>();
        for (Contender contender : results.contenders()) {
            List<String> row = new ArrayList<>(
                    List.of(contender.name(), results.told(workload, contender), results.spread(workload, contender)));
            for (Metric metric : metrics) {
                var median = results.median(workload, contender, metric);
                row.add(median.isPresent() ? metric.format(median.getAsDouble()) : "-");
            }
            rows.add(row);
        }
        return table(head, rows);
    }

    /** A table that reads well as plain text too. */
    private static String table(List<String> head, List<List<String>> rows) {
        int[] widths = new int[head.size()];
        List<List<String>> all = new ArrayList<>(List.of(head));
        all.addAll(rows);
        for (List<String> row : all) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        List<String> rule = new ArrayList<>();
        for (int i = 0; i < widths.length; i++) {
            rule.add(i == 0 ? "-".repeat(widths[i]) : "-".repeat(widths[i] - 1) + ":");
        }
        all.add(1, rule);
        var text = new StringJoiner("\n", "", "\n");
        for (List<String> row : all) {
            var line = new StringJoiner(" | ", "| ", " |");
            for (int i = 0; i < widths.length; i++) {
                line.add(("%" + (i == 0 ? "-" : "") + widths[i] + "s").formatted(row.get(i)));
            }
            text.add(line.toString());
        }
        return text.toString();
    }

    private Map<String, ?> json() {
        Map<String, Object> measured = new LinkedHashMap<>();
        for (Workload workload : results.workloads()) {
            Map<String, Object> servers = new LinkedHashMap<>();
            results.contenders().forEach(contender -> servers.put(contender.name(), json(workload, contender)));
            measured.put(
                    workload.name(), Map.of("title", workload.title(), "unit", workload.unit(), "servers", servers));
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("environment", environment);
        all.put("notes", notes);
        all.put("reference", results.reference().name());
        all.put("workloads", measured);
        return all;
    }

    private Map<String, ?> json(Workload workload, Contender contender) {
        Map<String, Object> values = new LinkedHashMap<>();
        results.figure(workload, contender).ifPresent(figure -> values.put("figure", figure));
        for (Metric metric : Metric.values()) {
            results.median(workload, contender, metric)
                    .ifPresent(median -> values.put(
                            metric.name().toLowerCase(Locale.ROOT),
                            Map.of(
                                    "median",
                                    median,
                                    "rounds",
                                    Arrays.stream(results.values(workload, contender, metric))
                                            .boxed()
                                            .toList())));
        }
        return values;
    }
}
