package io.rocketsockets.daemon;

import io.rocketsockets.EndpointConfiguration;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What was set from outside the program: by {@code --set}, else by the environment, else by a properties file. Keys are
 * those of the {@link SettingTable}. Immutable; {@link #reread()} looks at the file again.
 */
final class Settings {
    private static final String VARIABLE_PREFIX = "ROCKETSOCKETS_";
    private static final String ENDPOINT_PREFIX = "endpoint.";
    private static final String DAEMON_PREFIX = "daemon.";

    private final @Nullable Path file;
    private final Map<String, String> environment;
    private final List<String> assignments;
    private final InheritedSockets inherited;

    /** The strongest first. */
    private final List<Source> sources;

    /** What could not be read. */
    private final List<String> errors = new ArrayList<>();

    /**
     * @param spelling how a key is spelled there
     */
    private record Source(String name, Map<String, String> values, UnaryOperator<String> spelling) {
        boolean begins(String key, String prefix) {
            return prefix.isEmpty() || key.startsWith(spelling.apply(prefix));
        }
    }

    private record Value(String text, String origin) {}

    /**
     * An option in force.
     *
     * @param origin where it comes from
     */
    record Effective(String key, String value, String origin, boolean isLive) {}

    /**
     * @param file null for none
     * @param assignments each {@code key=value}
     */
    Settings(
            @Nullable Path file,
            Map<String, String> environment,
            List<String> assignments,
            InheritedSockets inherited) {
        this.file = file;
        this.environment = environment;
        this.assignments = assignments;
        this.inherited = inherited;
        this.sources = List.of(
                new Source("--set", assigned(), key -> key),
                new Source("environment", variables(), Settings::variable),
                new Source(String.valueOf(file), readFile(), key -> key));
    }

    Settings reread() {
        return new Settings(file, environment, assignments, inherited);
    }

    private Map<String, String> assigned() {
        Map<String, String> values = new LinkedHashMap<>();
        for (String assignment : assignments) {
            int equals = assignment.indexOf('=');
            if (equals < 1) {
                errors.add("--set " + assignment + " is not key=value; pass one such as --set eventLoops=4");
            } else {
                values.put(assignment.substring(0, equals).strip(), assignment.substring(equals + 1));
            }
        }
        return values;
    }

    private Map<String, String> variables() {
        Map<String, String> values = new TreeMap<>(environment);
        values.keySet().removeIf(name -> !name.startsWith(VARIABLE_PREFIX));
        return values;
    }

    private Map<String, String> readFile() {
        Map<String, String> values = new TreeMap<>();
        if (file != null) {
            Properties properties = new Properties();
            try (Reader reader = Files.newBufferedReader(file)) {
                properties.load(reader);
                properties.stringPropertyNames().forEach(key -> values.put(key, properties.getProperty(key)));
            } catch (IOException | IllegalArgumentException unreadable) {
                String why = unreadable instanceof NoSuchFileException ? "does not exist" : unreadable.toString();
                errors.add("--config: file=" + file + " cannot be read: " + why
                        + "; pass a properties file that this process may read");
            }
        }
        return values;
    }

    /** {@code endpoint.default.timeouts.firstByte} is {@code ROCKETSOCKETS_ENDPOINT_DEFAULT_TIMEOUTS_FIRST_BYTE}. */
    private static String variable(String key) {
        return VARIABLE_PREFIX
                + key.replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                        .replaceAll("[^A-Za-z0-9]", "_")
                        .toUpperCase(Locale.ROOT);
    }

    /** The strongest value of a key. */
    private Optional<Value> find(String key) {
        for (Source source : sources) {
            String spelled = source.spelling().apply(key);
            String text = source.values().get(spelled);
            if (text != null) {
                return Optional.of(
                        new Value(text, spelled.equals(key) ? source.name() : source.name() + " " + spelled));
            }
        }
        return Optional.empty();
    }

    /**
     * Tells the configurator what is to be changed in it; what makes no sense is rejected there.
     *
     * @param prefix that of the server's keys; sockets of systemd are for the one without
     * @param others those of other servers, which judge their keys themselves
     */
    void applyTo(ServerConfigurator server, String prefix, Collection<String> others) {
        Set<String> known = new TreeSet<>();
        List<String> rejected = new ArrayList<>();
        for (var setting : SettingTable.SERVER) {
            known.add(prefix + setting.name());
            apply(setting, prefix + setting.name(), server, rejected);
        }
        List<String> endpoints = new ArrayList<>();
        server.eachEndpoint((name, endpoint) -> {
            endpoints.add(name);
            for (var setting : SettingTable.ENDPOINT) {
                String key = prefix + ENDPOINT_PREFIX + name + "." + setting.name();
                known.add(key);
                apply(setting, key, endpoint, rejected);
            }
        });
        if (prefix.isEmpty()) {
            SettingTable.DAEMON.forEach(setting -> known.add(DAEMON_PREFIX + setting.name()));
            server.eachEndpoint(
                    (name, endpoint) -> inherited.descriptorOf(name, endpoints).ifPresent(endpoint::adopt));
            rejected.addAll(0, errors);
            rejected.addAll(inherited.errors(endpoints));
        }
        rejectUnknown(known, prefix, others, rejected);
        rejected.forEach(server::reject);
    }

    /** As for the server; the errors are told together with its. */
    void applyTo(DaemonConfigurator daemon) {
        for (var setting : SettingTable.DAEMON) {
            apply(setting, DAEMON_PREFIX + setting.name(), daemon, errors);
        }
    }

    private <C> void apply(Setting<C, ?> setting, String key, C configurator, List<String> rejected) {
        find(key).ifPresent(value -> {
            try {
                setting.setter().accept(configurator, value.text());
            } catch (IllegalArgumentException broken) {
                rejected.add(key + "=" + shown(key, value.text()) + " (" + value.origin() + ") " + broken.getMessage());
            }
        });
    }

    private void rejectUnknown(Set<String> known, String prefix, Collection<String> others, List<String> rejected) {
        for (Source source : sources) {
            Set<String> spelled = new TreeSet<>();
            known.forEach(key -> spelled.add(source.spelling().apply(key)));
            for (String key : source.values().keySet()) {
                boolean isOurs = source.begins(key, prefix) && others.stream().noneMatch(p -> source.begins(key, p));
                if (isOurs && !spelled.contains(key)) {
                    rejected.add("unknown key: " + key + " (" + source.name() + ") is no option; "
                            + Spelling.nearest(key, spelled)
                                    .map(nearest -> "did you mean " + nearest + "?")
                                    .orElse("remove it, or see --print-config for those there are"));
                }
            }
        }
    }

    /**
     * Every option with what is in force and where it comes from: outside, the program, or nobody.
     *
     * @param servers by the prefix of their keys
     */
    List<Effective> effective(DaemonConfiguration daemon, Map<String, ServerConfiguration> servers) {
        List<Effective> all = new ArrayList<>();
        for (var setting : SettingTable.DAEMON) {
            all.add(effective(setting, DAEMON_PREFIX + setting.name(), daemon, DaemonConfiguration.DEFAULT));
        }
        servers.forEach((prefix, server) -> addEffective(prefix, server, all));
        return all;
    }

    private void addEffective(String prefix, ServerConfiguration server, List<Effective> all) {
        ServerConfiguration plain = ServerConfiguration.of(ServerConfigurator::useDefaultEndpoint);
        for (var setting : SettingTable.SERVER) {
            all.add(effective(setting, prefix + setting.name(), server, plain));
        }
        List<String> endpoints =
                server.endpoints().stream().map(EndpointConfiguration::name).toList();
        for (EndpointConfiguration endpoint : server.endpoints()) {
            for (var setting : SettingTable.ENDPOINT) {
                String key = prefix + ENDPOINT_PREFIX + endpoint.name() + "." + setting.name();
                Effective found =
                        effective(setting, key, endpoint, plain.endpoints().get(0));
                boolean handedOver = prefix.isEmpty()
                        && setting.name().equals("adopt")
                        && inherited.descriptorOf(endpoint.name(), endpoints).isPresent();
                all.add(handedOver ? new Effective(key, found.value(), "systemd", false) : found);
            }
        }
    }

    private <R> Effective effective(Setting<?, R> setting, String key, R configuration, R plain) {
        String value = setting.getter().apply(configuration);
        String origin = find(key)
                .map(Value::origin)
                .orElse(value.equals(setting.getter().apply(plain)) ? "default" : "program");
        return new Effective(key, shown(key, value), origin, setting.isLive());
    }

    /** Secrets are nobody's business, but whether there is one. */
    private static String shown(String key, String value) {
        String lower = key.toLowerCase(Locale.ROOT);
        boolean isSecret = lower.contains("password") || lower.contains("secret");
        return isSecret && !value.isEmpty() ? "****" : value;
    }
}
