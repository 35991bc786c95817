package io.rocketsockets.daemon;

import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.SocketServer;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/** What a {@link DaemonHost} runs. Nothing is made before it is asked for: most commands do not run anything. */
@FunctionalInterface
public interface Program {
    /** Makes the services; asked for once, to run them. */
    Collection<? extends Daemon> services();

    /** The servers whose health is the daemon's, and that are paused with it; after {@link #services()}. */
    default Collection<SocketServer> servers() {
        return List.of();
    }

    /**
     * The configurations in force of those servers that can be changed from outside, by the prefix of their keys; the one
     * without a prefix comes first.
     *
     * @throws io.rocketsockets.ServerConfigurationException with every rule that is broken
     */
    default Map<String, ServerConfiguration> configurations() {
        return Map.of();
    }

    /**
     * Configures anew, since what comes from outside has changed, and tells the servers; after {@link #services()}.
     *
     * @throws io.rocketsockets.ServerConfigurationException with every rule that is broken; then nothing changes
     */
    default void reload() {}
}
