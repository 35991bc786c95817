package io.rocketsockets.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.LIST;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** What {@code deploy} says is well-formed, and fits the program and its other half. */
class DeployTest {
    // ---- Dockerfile ----

    /** A line of the Dockerfile. */
    private record Instruction(String name, String arguments) {}

    private static List<Instruction> dockerfile() throws Exception {
        List<Instruction> instructions = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("deploy", "Dockerfile"))) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] parts = line.split(" ", 2);
                assertThat(parts[0]).as(line).isIn("FROM", "ADD", "RUN", "ENV", "USER", "EXPOSE", "ENTRYPOINT");
                instructions.add(new Instruction(parts[0], parts[1]));
            }
        }
        return instructions;
    }

    /** What is said once. */
    private static String argumentsOf(String name) throws Exception {
        List<Instruction> found =
                dockerfile().stream().filter(i -> i.name().equals(name)).toList();
        assertThat(found).as(name).hasSize(1);
        return found.get(0).arguments();
    }

    @Test
    void theImageIsMadeOfTheDistribution() throws Exception {
        assertThat(dockerfile().get(0).name()).isEqualTo("FROM");
        String[] added = argumentsOf("ADD").split(" ");
        assertThat(Path.of(added[0])).isRegularFile().hasFileName("example-daemon.tar.gz");
        assertThat(added[1]).isEqualTo("/opt/");
        assertThat(argumentsOf("RUN")).startsWith("mv /opt/example-daemon-* /opt/example && ");
    }

    @Test
    void theImageRunsWithoutRootAndWithoutAShell() throws Exception {
        assertThat(argumentsOf("USER")).matches("[1-9]\\d*:[1-9]\\d*");
        List<String> names = dockerfile().stream().map(Instruction::name).toList();
        assertThat(names.subList(names.indexOf("USER"), names.size())).doesNotContain("RUN", "ADD", "FROM");
        // The exec form is an array of JSON, which is YAML too; what is none Docker would give to a shell.
        assertThat(yaml(argumentsOf("ENTRYPOINT")).findFirst()).get(LIST).containsExactly("/opt/example/bin/example");
        assertThat(Path.of("src", "main", "dist", "bin", "example")).content().contains("\nexec ");
    }

    @Test
    void theImageExposesWhatThePodUses() throws Exception {
        assertThat(argumentsOf("EXPOSE").split(" "))
                .containsExactlyInAnyOrder(
                        ports().values().stream().map(String::valueOf).toArray(String[]::new));
    }

    // ---- Kubernetes ----

    private static Stream<Object> yaml(String text) {
        LoaderOptions strict = new LoaderOptions();
        strict.setAllowDuplicateKeys(false);
        return StreamSupport.stream(
                new Yaml(new SafeConstructor(strict)).loadAll(text).spliterator(), false);
    }

    /** The object of a kind; the only one. */
    private static Object manifest(String kind) throws Exception {
        List<Object> found = yaml(Files.readString(Path.of("deploy", "kubernetes.yaml")))
                .filter(object -> kind.equals(at(object, "kind")))
                .toList();
        assertThat(found).as(kind).hasSize(1);
        return found.get(0);
    }

    /** What is found by following keys of maps and places in lists. */
    private static Object at(Object node, Object... path) {
        for (Object step : path) {
            node = step instanceof Integer place ? ((List<?>) node).get(place) : ((Map<?, ?>) node).get(step);
        }
        assertThat(node).as("at %s", List.of(path)).isNotNull();
        return node;
    }

    private static Object pod() throws Exception {
        return at(manifest("Deployment"), "spec", "template");
    }

    private static Map<String, Object> ports() throws Exception {
        Map<String, Object> ports = new HashMap<>();
        for (Object port : (List<?>) at(pod(), "spec", "containers", 0, "ports")) {
            ports.put((String) at(port, "name"), at(port, "containerPort"));
        }
        return ports;
    }

    @Test
    void thePartsOfTheManifestsFindEachOther() throws Exception {
        Object labels = at(pod(), "metadata", "labels");
        assertThat(at(manifest("Deployment"), "spec", "selector", "matchLabels"))
                .isEqualTo(labels);
        assertThat(at(manifest("Service"), "spec", "selector")).isEqualTo(labels);
        assertThat(ports()).containsKey((String) at(manifest("Service"), "spec", "ports", 0, "targetPort"));
        Object container = at(pod(), "spec", "containers", 0);
        for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
            assertThat(at(container, probe, "httpGet", "port")).isEqualTo("health");
        }
        assertThat(at(container, "readinessProbe", "httpGet", "path")).isEqualTo("/ready");
        assertThat(at(container, "livenessProbe", "httpGet", "path")).isEqualTo("/live");
        assertThat(at(container, "securityContext", "readOnlyRootFilesystem")).isEqualTo(true);
        assertThat(at(pod(), "spec", "securityContext", "runAsNonRoot")).isEqualTo(true);
    }

    /** The program says itself what it makes of the variables. */
    @Test
    void theProgramUnderstandsThePodAndStopsWithinItsGrace() throws Exception {
        Map<String, String> environment = new HashMap<>();
        for (Object variable : (List<?>) at(pod(), "spec", "containers", 0, "env")) {
            environment.put((String) at(variable, "name"), (String) at(variable, "value"));
        }
        Map<String, String> inForce = new HashMap<>();
        String java = Path.of(ExampleProcess.JAVA_HOME, "bin", "java").toString();
        String jar = Path.of("target", "example-daemon.jar").toString();
        try (ExampleProcess example = ExampleProcess.start(List.of(java, "-jar", jar, "--print-config"), environment)) {
            assertThat(example.exitStatus()).as(example.errors()).isZero();
            example.output().lines().map(line -> line.replaceFirst(" +#.*", "")).forEach(line -> {
                String[] keyAndValue = line.split("=", 2);
                inForce.put(keyAndValue[0], keyAndValue[1]);
            });
        }
        assertThat(inForce.get("daemon.healthEndpoint")).endsWith(":" + ports().get("health"));
        assertThat(inForce.get("endpoint.default.port")).isEqualTo("" + ports().get("echo"));
        assertThat(seconds(inForce.get("daemon.drainDelay")) + seconds(inForce.get("daemon.stopTimeout")) + 1)
                .isLessThan((int) at(pod(), "spec", "terminationGracePeriodSeconds"));
    }

    private static int seconds(String time) {
        assertThat(time).endsWith("s").doesNotContain("ms");
        return Integer.parseInt(time.substring(0, time.length() - 1));
    }
}
