package io.rocketsockets.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** How busy both loops of each server were over time: a strip for each server, a line for each loop. */
final class Timelines {
    private static final int WIDTH = 760;
    private static final int LEFT = 200;
    private static final int STRIP = 84;
    private static final int GAP = 18;
    private static final int TOP = 72;
    private static final List<String> COLOURS = List.of("#d9480f", "#4c8bc0");

    private final SpreadWorkload workload;
    private final double seconds;
    private final StringBuilder svg = new StringBuilder();

    Timelines(SpreadWorkload workload) {
        this.workload = workload;
        this.seconds = workload.timelines().values().stream()
                .mapToDouble(steps -> steps.get(steps.size() - 1).seconds())
                .max()
                .orElse(1);
    }

    String svg() {
        int height = TOP + (STRIP + GAP) * workload.timelines().size() + 24;
        add(
                "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' ",
                WIDTH, height, WIDTH, height);
        add("font-family='system-ui, sans-serif' font-size='13'>\n");
        add("<rect width='100%%' height='100%%' fill='white'/>\n");
        text(16, 26, "start", "font-size='16' font-weight='600'", workload.title());
        text(
                16,
                46,
                "start",
                "fill='#555'",
                "how busy each of both event loops is, 0 to 100 % of a core, over seconds");
        int top = TOP;
        for (Map.Entry<Contender, List<SpreadWorkload.Step>> each :
                workload.timelines().entrySet()) {
            strip(each.getKey(), each.getValue(), top);
            top += STRIP + GAP;
        }
        for (int second = 0; second <= seconds; second++) {
            text((int) x(second), top + 4, "middle", "fill='#555'", Integer.toString(second));
        }
        return svg.append("</svg>\n").toString();
    }

    private void strip(Contender contender, List<SpreadWorkload.Step> steps, int top) {
        text(LEFT - 12, top + STRIP / 2 + 4, "end", "", contender.name());
        add("<rect x='%d' y='%d' width='%d' height='%d' fill='#f4f5f6'/>\n", LEFT, top, WIDTH - LEFT - 16, STRIP);
        double settled = x(SpreadWorkload.SETTLED.toMillis() / 1e3);
        add(
                "<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' stroke='#555' stroke-dasharray='3 3'/>\n",
                settled, settled, top, top + STRIP);
        for (int loop = 0; loop < COLOURS.size(); loop++) {
            add("<polyline fill='none' stroke='%s' stroke-width='1.5' points='", COLOURS.get(loop));
            for (SpreadWorkload.Step step : steps) {
                add("%.1f,%.1f ", x(step.seconds()), top + STRIP * (1 - Math.min(1, step.busy()[loop])));
            }
            add("'/>\n");
        }
    }

    private double x(double second) {
        return LEFT + (WIDTH - LEFT - 16) * second / seconds;
    }

    private void text(int x, int y, String anchor, String style, String content) {
        add("<text x='%d' y='%d' text-anchor='%s' %s>%s</text>\n", x, y, anchor, style, content);
    }

    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
