package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;

/** One installed JDK, as its release file describes it. */
record Jdk(Path home, Runtime.Version version) {
    private static final Path INSTALLED = Path.of("/usr/lib/jvm");

    static Jdk at(Path home) {
        var release = new Properties();
        try (var reader = Files.newBufferedReader(home.resolve("release"))) {
            release.load(reader);
        } catch (IOException e) {
            throw new UncheckedIOException("not a JDK: " + home, e);
        }
        return new Jdk(
                home, Runtime.Version.parse(release.getProperty("JAVA_VERSION").replace("\"", "")));
    }

    /** The newest of those under /usr/lib/jvm and the one that runs this. */
    static Jdk newest() throws IOException {
        List<Jdk> found = new ArrayList<>(List.of(at(Path.of(System.getProperty("java.home")))));
        if (Files.isDirectory(INSTALLED)) {
            try (var homes = Files.list(INSTALLED)) {
                homes.filter(home -> Files.exists(home.resolve("release")))
                        .map(Jdk::at)
                        .forEach(found::add);
            }
        }
        return found.stream().max(Comparator.comparing(Jdk::version)).orElseThrow();
    }

    /** Runs a class of this program's class path. What Netty and Vert.x ask for by a warning is granted to all. */
    List<String> command(List<String> options, String mainClass) {
        List<String> command = new ArrayList<>(List.of(home.resolve("bin/java").toString()));
        command.addAll(options);
        command.add("-Djava.net.preferIPv4Stack=true");
        command.add("--enable-native-access=ALL-UNNAMED");
        if (version.feature() >= 23) {
            command.add("--sun-misc-unsafe-memory-access=allow");
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass));
        return command;
    }
}
