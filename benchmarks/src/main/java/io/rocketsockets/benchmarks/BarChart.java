package io.rocketsockets.benchmarks;

import java.util.Arrays;
import java.util.Locale;

/** One workload as horizontal bars, a bar for each server, with a whisker from its best round to its worst. */
final class BarChart {
    private static final int WIDTH = 760;
    private static final int LABELS = 200;
    private static final int BARS = 480;
    private static final int TOP = 64;
    private static final int ROW = 26;
    private static final String OURS = "#d9480f";
    private static final String REFERENCE = "#868e96";
    private static final String PEERS = "#4c8bc0";

    private final Results results;
    private final Workload workload;
    private final StringBuilder svg = new StringBuilder();
    /** What one pixel stands for, of the figure that is told. */
    private final double perPixel;

    BarChart(Results results, Workload workload) {
        this.results = results;
        this.workload = workload;
        this.perPixel = results.contenders().stream()
                        .flatMapToDouble(contender -> Arrays.stream(results.figures(workload, contender)))
                        .filter(value -> value > 0)
                        .max()
                        .orElse(1)
                / BARS;
    }

    String svg() {
        int height = TOP + ROW * results.contenders().size() + 16;
        add(
                "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' ",
                WIDTH, height, WIDTH, height);
        add("font-family='system-ui, sans-serif' font-size='13'>\n");
        add("<rect width='100%%' height='100%%' fill='white'/>\n");
        text(16, 26, "start", "font-size='16' font-weight='600'", workload.title());
        text(16, 46, "start", "fill='#555'", subtitle());
        int y = TOP;
        for (Contender contender : results.contenders()) {
            row(contender, y);
            y += ROW;
        }
        if (workload.mainMetric().isRelative()) {
            double one = LABELS + 1 / perPixel;
            add(
                    "<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' stroke='#555' stroke-dasharray='3 3'/>\n",
                    one, one, TOP - 4, y);
        }
        return svg.append("</svg>\n").toString();
    }

    private String subtitle() {
        String figure = workload.mainMetric().heading(workload.unit());
        return workload.mainMetric().isRelative()
                ? figure + ", as a multiple of " + results.reference().name() + "; less is better"
                : figure + "; less is better";
    }

    private void row(Contender contender, int y) {
        int middle = y + ROW / 2;
        text(LABELS - 10, middle + 4, "end", "", contender.name());
        double[] values = results.figures(workload, contender);
        if (values.length == 0) {
            text(LABELS + 6, middle + 4, "start", "fill='#888'", "not measured");
            return;
        }
        double median = results.figure(workload, contender).orElseThrow();
        double end = LABELS + Math.max(0, values[values.length - 1] / perPixel);
        add(
                "<rect x='%d' y='%d' width='%.1f' height='%d' rx='2' fill='%s'/>\n",
                LABELS, y + 4, Math.max(0, median / perPixel), ROW - 8, colour(contender));
        add(
                "<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' stroke='#222'/>\n",
                LABELS + Math.max(0, values[0] / perPixel), end, middle, middle);
        text((int) end + 8, middle + 4, "start", "font-weight='600'", results.told(workload, contender));
    }

    private String colour(Contender contender) {
        if (contender.equals(results.reference())) {
            return REFERENCE;
        }
        return contender.isOurs() ? OURS : PEERS;
    }

    private void text(int x, int y, String anchor, String style, String content) {
        add("<text x='%d' y='%d' text-anchor='%s' %s>%s</text>\n", x, y, anchor, style, content);
    }

    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
