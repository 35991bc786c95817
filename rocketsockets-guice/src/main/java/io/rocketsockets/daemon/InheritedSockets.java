package io.rocketsockets.daemon;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Listening sockets that this process was started with. systemd tells them by {@code LISTEN_FDS} and, for an endpoint of
 * that name, {@code LISTEN_FDNAMES}; a single one may be descriptor 0 too ({@code StandardInput=socket}, inetd), where the
 * JDK finds it. See {@code sd_listen_fds(3)}.
 */
final class InheritedSockets {
    static final InheritedSockets NONE = new InheritedSockets(List.of(), false);

    private static final int FIRST_DESCRIPTOR = 3;

    /** One for each descriptor from 3 on. */
    private final List<String> names;

    private final boolean isInput;

    /** @param isInput whether descriptor 0 is such a socket */
    InheritedSockets(List<String> names, boolean isInput) {
        this.names = List.copyOf(names);
        this.isInput = isInput;
    }

    static InheritedSockets ofThisProcess() {
        return new InheritedSockets(
                names(System.getenv(), ProcessHandle.current().pid()), inputIsListening());
    }

    /** What is meant for another process, whose environment we have inherited, is none of ours. */
    static List<String> names(Map<String, String> environment, long pid) {
        if (!String.valueOf(pid).equals(environment.get("LISTEN_PID"))) {
            return List.of();
        }
        int count = Integer.parseInt(environment.getOrDefault("LISTEN_FDS", "0"));
        List<String> names = new ArrayList<>(
                List.of(environment.getOrDefault("LISTEN_FDNAMES", "").split(":")));
        while (names.size() < count) {
            names.add("unknown"); // as systemd calls them
        }
        return names.subList(0, count);
    }

    private static boolean inputIsListening() {
        try {
            return System.inheritedChannel() instanceof ServerSocketChannel;
        } catch (IOException none) {
            return false; // descriptor 0 is closed, or a socket of a kind that the JDK does not know
        }
    }

    /** The descriptor for one of these endpoints. A single socket is for a single endpoint, whatever it is called. */
    Optional<Integer> descriptorOf(String endpoint, List<String> endpoints) {
        int index = names.indexOf(endpoint);
        if (names.size() <= 1) {
            boolean isMeant = index == 0 || endpoints.size() == 1;
            if (isInput && isMeant) {
                return Optional.of(0);
            }
            return names.isEmpty() || !isMeant ? Optional.empty() : Optional.of(FIRST_DESCRIPTOR);
        }
        return index < 0 ? Optional.empty() : Optional.of(FIRST_DESCRIPTOR + index);
    }

    /** Sockets for which there is no endpoint: connections to them would wait for ever. */
    List<String> errors(List<String> endpoints) {
        if (endpoints.size() == 1 && names.size() <= 1) {
            return List.of();
        }
        return names.stream()
                .filter(name -> !endpoints.contains(name))
                .map(name -> "socket=" + name + " was handed over and is the name of no endpoint, which are "
                        + endpoints + "; set FileDescriptorName= in its socket unit to one of them")
                .toList();
    }
}
