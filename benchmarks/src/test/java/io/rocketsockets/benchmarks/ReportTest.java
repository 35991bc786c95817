package io.rocketsockets.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

class ReportTest {
    private static final Contender OURS = Contender.named("rocketsockets:nio");
    private static final Contender ABSENT = Contender.named("activej");
    private static final Workload ECHO = Workloads.named("echo-64b-50");

    private final Results results = new Results(List.of(ECHO), List.of(OURS, Contender.C_EPOLL, ABSENT));

    ReportTest() {
        measured(OURS, 6, 4, 100);
        measured(Contender.C_EPOLL, 4, 5);
    }

    private void measured(Contender contender, double... cpuMicros) {
        int round = 1;
        for (double value : cpuMicros) {
            results.add(ECHO, contender, round++, new Sample().with(Metric.CPU_MICROS, value));
        }
    }

    @Test
    void medianIsTheMiddleRoundOrTheMeanOfTheTwo() {
        assertThat(results.median(ECHO, OURS, Metric.CPU_MICROS)).hasValue(6);
        assertThat(results.median(ECHO, Contender.C_EPOLL, Metric.CPU_MICROS)).hasValue(4.5);
        assertThat(results.median(ECHO, ABSENT, Metric.CPU_MICROS)).isEmpty();
    }

    @Test
    void ratiosAreToCOfTheSameRoundWhereverItStands() {
        assertThat(results.reference()).isEqualTo(Contender.C_EPOLL);
        assertThat(results.figures(ECHO, OURS)).containsExactly(0.8, 1.5); // there was no third one
        assertThat(results.figure(ECHO, OURS).orElseThrow()).isCloseTo(1.15, within(1e-9));
        assertThat(results.told(ECHO, OURS)).isEqualTo("1.150");
        assertThat(results.spread(ECHO, OURS)).isEqualTo("0.800 to 1.500");
    }

    @Test
    void ratiosAreToTheBareLoopWithoutC() {
        assertThat(new Results(List.of(ECHO), List.of(OURS, Contender.BARE_NIO)).reference())
                .isEqualTo(Contender.BARE_NIO);
    }

    @Test
    void whatWasNotMeasuredIsNotTold() {
        assertThat(results.told(ECHO, ABSENT)).isEqualTo("-");
    }

    @Test
    void plotIsWellFormed() throws Exception {
        var svg = new InputSource(new StringReader(new BarChart(results, ECHO).svg()));
        var root = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(svg)
                .getDocumentElement();
        assertThat(root.getTextContent()).contains(ECHO.title(), OURS.name(), "1.150", "not measured");
    }

    @Test
    void aTimelineHasALineForEachLoop() throws Exception {
        SpreadWorkload skew = (SpreadWorkload) Workloads.named("skew");
        skew.timelines()
                .put(
                        OURS,
                        List.of(
                                new SpreadWorkload.Step(0.1, new double[] {1, 0}),
                                new SpreadWorkload.Step(8, new double[] {0.5, 0.5})));
        var root = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(skew.plot(results))))
                .getDocumentElement();
        assertThat(root.getTextContent()).contains(skew.title(), OURS.name());
        assertThat(root.getElementsByTagName("polyline").getLength()).isEqualTo(2);
    }

    @Test
    void everyReaderGetsAFile(@TempDir Path folder) throws Exception {
        var report = new Report(Map.of("kernel", "6.1"), Set.of("x is left out: \"why\""), results);
        assertThat(report.writeTo(folder)).contains("- kernel: 6.1", "- x is left out", "| CPU ratio |");
        assertThat(Files.readString(folder.resolve("results.json")))
                .startsWith("{")
                .contains("\"reference\":\"c-epoll\"", "\"figure\":1.15", "\\u0022why\\u0022");
        assertThat(folder.resolve("echo-64b-50.svg")).isNotEmptyFile();
    }
}
