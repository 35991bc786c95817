package io.rocketsockets.daemon;

import io.rocketsockets.EndpointConfiguration;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.daemon.Invocation.UnitRequest;
import java.io.File;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The systemd units of a daemon, as texts: {@code NAME.service}, and a socket unit for each endpoint when systemd is to
 * hold its socket. Hardened as far as a JVM bears it: no {@code MemoryDenyWriteExecute}, which would forbid the JIT.
 */
final class UnitFiles {
    /** The first line of what we write; what does not begin so is not ours to change. */
    static final String MARK = "# Written by the install command of ";

    /** Set by a launcher script to its own path. */
    static final String LAUNCHER = "rocketsockets.launcher";

    /** Beyond our own timeouts, so that the messages are ours. */
    private static final Duration MARGIN = Duration.ofSeconds(10);

    private static final Set<String> BEFORE_PATHS = Set.of("-cp", "-classpath", "--class-path", "-p", "--module-path");

    private final DaemonConfiguration daemon;
    private final Map<String, ServerConfiguration> servers;
    private final UnitRequest request;
    private final List<String> program;

    /**
     * @param servers that can be changed from outside, by the prefix of their keys; systemd holds sockets of the one without
     * @param program how to start it, without its arguments
     */
    UnitFiles(
            DaemonConfiguration daemon,
            Map<String, ServerConfiguration> servers,
            UnitRequest request,
            List<String> program) {
        this.daemon = daemon;
        this.servers = servers;
        this.request = request;
        this.program = List.copyOf(program);
    }

    /** How this process was started: by its launcher, or by this JVM with these options. */
    static List<String> programOfThisProcess(int argumentCount) {
        String launcher = System.getProperty(LAUNCHER);
        if (launcher != null) {
            return List.of(Path.of(launcher).toAbsolutePath().toString());
        }
        ProcessHandle.Info self = ProcessHandle.current().info();
        String[] all = self.arguments()
                .orElseThrow(() -> new IllegalStateException("cannot tell how this process was started;"
                        + " start it by a script that passes -D" + LAUNCHER + "=its own path"));
        List<String> command = new ArrayList<>(List.of(self.command().orElse("java")));
        command.addAll(absolute(Arrays.asList(all).subList(0, all.length - argumentCount)));
        return command;
    }

    /** The service runs in another folder. */
    static List<String> absolute(List<String> jvmArguments) {
        List<String> absolute = new ArrayList<>();
        String before = "";
        for (String argument : jvmArguments) {
            if (before.equals("-jar")) {
                absolute.add(Path.of(argument).toAbsolutePath().toString());
            } else if (BEFORE_PATHS.contains(before)) {
                absolute.add(Arrays.stream(argument.split(File.pathSeparator))
                        .map(path -> Path.of(path).toAbsolutePath().toString())
                        .collect(Collectors.joining(File.pathSeparator)));
            } else {
                absolute.add(argument);
            }
            before = argument;
        }
        return absolute;
    }

    /** The folders in which a hardened service does not find its program; null when it will. */
    @Nullable
    String hiddenProgram() {
        if (request.isUser()) {
            return null;
        }
        return program.stream()
                .flatMap(word -> Arrays.stream(word.split(File.pathSeparator)))
                .filter(path -> path.matches("/(home|root|run/user|tmp|var/tmp)/.*"))
                .findFirst()
                .orElse(null);
    }

    String serviceName() {
        return daemon.name() + ".service";
    }

    /** File names and their texts: the sockets first, so that they are there before the service. */
    Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        for (EndpointConfiguration endpoint : endpoints()) {
            texts.put(socketName(endpoint), socket(endpoint));
        }
        texts.put(serviceName(), service());
        return texts;
    }

    private List<EndpointConfiguration> endpoints() {
        ServerConfiguration server = servers.get("");
        return request.hasSockets() && server != null ? server.endpoints() : List.of();
    }

    private String socketName(EndpointConfiguration endpoint) {
        return endpoints().size() == 1 ? daemon.name() + ".socket" : daemon.name() + "-" + endpoint.name() + ".socket";
    }

    private String socket(EndpointConfiguration endpoint) {
        return """
                %s%s

                [Unit]
                Description=%s, endpoint %s

                [Socket]
                ListenStream=%s
                FileDescriptorName=%s
                Backlog=%d
                %s
                Service=%s

                [Install]
                WantedBy=sockets.target
                """.formatted(
                        MARK,
                        daemon.name(),
                        daemon.displayName(),
                        endpoint.name(),
                        addressOf(endpoint),
                        endpoint.name(),
                        endpoint.backlog(),
                        endpoint.socketFile().isPresent() ? "SocketMode=" + endpoint.socketMode() : "NoDelay=yes",
                        serviceName());
    }

    private static String addressOf(EndpointConfiguration endpoint) {
        Optional<Path> file = endpoint.socketFile();
        if (file.isPresent()) {
            if (!file.get().isAbsolute()) {
                throw new IllegalArgumentException("endpoint=" + endpoint.name() + " host=" + endpoint.host()
                        + " is relative, which a socket unit does not know; bind to the whole path");
            }
            return file.get().toString().replace("%", "%%");
        }
        if (endpoint.port() == 0) {
            throw new IllegalArgumentException("endpoint=" + endpoint.name()
                    + " port=0 is none that a socket unit could listen on; give the endpoint a port");
        }
        if (endpoint.host().equals(EndpointConfiguration.ALL_INTERFACES)) {
            return String.valueOf(endpoint.port());
        }
        try {
            String address = InetAddress.getByName(endpoint.host()).getHostAddress();
            return (address.contains(":") ? "[" + address + "]" : address) + ":" + endpoint.port();
        } catch (UnknownHostException unknown) {
            throw new IllegalArgumentException(
                    "endpoint=" + endpoint.name() + " host=" + endpoint.host()
                            + " is unknown; bind to an address of this machine",
                    unknown);
        }
    }

    private String service() {
        String sockets = endpoints().stream().map(this::socketName).collect(Collectors.joining(" "));
        List<String> command = new ArrayList<>(program);
        command.add("run");
        command.addAll(request.words());
        StringBuilder unit = new StringBuilder("""
                %s%s

                [Unit]
                Description=%s
                """.formatted(MARK, daemon.name(), daemon.displayName()));
        if (!request.isUser()) {
            unit.append("Wants=network-online.target\nAfter=network-online.target\n");
        }
        if (!sockets.isEmpty()) {
            unit.append("Requires=")
                    .append(sockets)
                    .append("\nAfter=")
                    .append(sockets)
                    .append('\n');
        }
        unit.append("""

                [Service]
                Type=notify
                NotifyAccess=all
                ExecStart=%s
                ExecReload=/bin/kill -HUP $MAINPID
                SuccessExitStatus=143
                Restart=on-failure
                RestartSec=1
                RestartPreventExitStatus=64 78
                TimeoutStartSec=%d
                TimeoutStopSec=%d
                WatchdogSec=30
                """.formatted(
                command.stream().map(UnitFiles::quoted).collect(Collectors.joining(" ")),
                daemon.startTimeout().plus(MARGIN).toSeconds(),
                daemon.drainDelay().plus(daemon.stopTimeout()).plus(MARGIN).toSeconds()));
        if (endpoints().size() == 1) {
            // The JDK adopts descriptor 0 only.
            unit.append("StandardInput=socket\nStandardOutput=journal\nStandardError=journal\n");
        }
        String folders = runtimeFolders();
        if (!folders.isEmpty()) {
            unit.append("RuntimeDirectory=").append(folders).append('\n');
        }
        unit.append(request.isUser() ? hardeningOfAUser() : hardening());
        unit.append("""

                [Install]
                WantedBy=%s
                """.formatted(request.isUser() ? "default.target" : "multi-user.target"));
        return unit.toString();
    }

    /** The endpoints, of any server, whose sockets systemd does not hold. */
    private Stream<EndpointConfiguration> boundByItself() {
        List<EndpointConfiguration> held = endpoints();
        return servers.values().stream()
                .flatMap(server -> server.endpoints().stream())
                .filter(endpoint -> !held.contains(endpoint));
    }

    /** Folders below {@code /run} for Unix sockets, where systemd lets a hardened service write. */
    private String runtimeFolders() {
        if (request.isUser()) {
            return "";
        }
        return boundByItself()
                .flatMap(endpoint -> endpoint.socketFile().stream())
                .filter(file -> file.startsWith("/run") && file.getNameCount() > 2)
                .map(file -> file.getName(1).toString())
                .distinct()
                .collect(Collectors.joining(" "));
    }

    private String hardening() {
        boolean needsLowPort =
                boundByItself().anyMatch(e -> e.socketFile().isEmpty() && e.port() > 0 && e.port() < 1024);
        return """
                %s
                LimitNOFILE=1048576
                %s
                PrivateUsers=%s
                PrivateTmp=yes
                PrivateDevices=yes
                ProtectSystem=strict
                ProtectHome=yes
                ProtectKernelTunables=yes
                ProtectKernelModules=yes
                ProtectKernelLogs=yes
                ProtectControlGroups=yes
                ProtectClock=yes
                ProtectHostname=yes
                ProtectProc=invisible
                RestrictNamespaces=yes
                RemoveIPC=yes
                UMask=0077
                """.formatted(
                                request.account() == null ? "DynamicUser=yes" : "User=" + request.account(),
                                needsLowPort
                                        ? "AmbientCapabilities=CAP_NET_BIND_SERVICE\n"
                                                + "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
                                        : "CapabilityBoundingSet=",
                                needsLowPort ? "no" : "yes")
                + hardeningOfAUser();
    }

    /** What a user's own systemd can enforce. */
    private static String hardeningOfAUser() {
        return """
                NoNewPrivileges=yes
                LockPersonality=yes
                RestrictRealtime=yes
                RestrictSUIDSGID=yes
                RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
                SystemCallArchitectures=native
                SystemCallFilter=@system-service
                SystemCallFilter=~@privileged @resources
                SystemCallFilter=sched_setaffinity io_uring_setup io_uring_enter io_uring_register
                SystemCallErrorNumber=EPERM
                """;
    }

    /** See "command lines" in {@code systemd.service(5)}. */
    static String quoted(String word) {
        String escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$");
        boolean isPlain = !escaped.isEmpty() && escaped.matches("[^\\s\"';]*");
        return isPlain ? escaped : '"' + escaped.replace("\"", "\\\"") + '"';
    }
}
