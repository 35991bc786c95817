package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a reader must know of the machine to judge a report. */
final class Environment {
    private static final Path CONGESTION_CONTROL = Path.of("/proc/sys/net/ipv4/tcp_congestion_control");

    private Environment() {}

    static Map<String, String> of(Lab lab, int rounds) throws IOException {
        List<String> cpuinfo = Files.readAllLines(Path.of("/proc/cpuinfo"));
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        facts.put(
                "processor",
                cpuinfo.stream()
                        .filter(line -> line.startsWith("model name"))
                        .map(line -> line.substring(line.indexOf(':') + 2))
                        .findFirst()
                        .orElse("unknown"));
        facts.put(
                "cores",
                "%d; servers on core %s, load on core %s"
                        .formatted(
                                cpuinfo.stream()
                                        .filter(line -> line.startsWith("processor"))
                                        .count(),
                                lab.serverCores(),
                                lab.loadCores()));
        facts.put("kernel", System.getProperty("os.version"));
        facts.put(
                "congestion control",
                System.getProperty(
                        "congestion.control",
                        Files.readString(CONGESTION_CONTROL).strip()));
        facts.put("JDK of the servers", lab.jdk().version().toString());
        facts.put("JVM options", String.join(" ", Lab.FOR_SPEED));
        facts.put("load generator", lab.epollLoad().isPresent() ? "C (open loop: Java)" : "Java");
        facts.put(
                "rounds",
                "%d, each %.1f s measured once the compilers were silent, at most %.0f s"
                        .formatted(
                                rounds,
                                lab.window().toMillis() / 1e3,
                                lab.warmUp().toMillis() / 1e3));
        return facts;
    }
}
