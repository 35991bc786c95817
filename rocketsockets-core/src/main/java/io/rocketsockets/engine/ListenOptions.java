package io.rocketsockets.engine;

import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Listener} asks of the kernel, in force before the first byte of a connection. {@code TCP_NODELAY} always is.
 * On a Unix socket what is of TCP does not apply.
 *
 * @param backlog connections that wait to be accepted
 * @param keepAlive null for none
 * @param userTimeout how long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT, tcp(7)), in whole milliseconds; zero
 *     for what the system does
 * @param socketMode permissions of a Unix socket's file; who could connect to it only before they were set is not reported
 */
public record ListenOptions(
        int backlog, @Nullable KeepAlive keepAlive, Duration userTimeout, Set<PosixFilePermission> socketMode) {
    /**
     * Probes to a silent peer, after which the kernel gives it up.
     *
     * @param idle silence before the first probe; whole seconds, at least one
     * @param interval between probes; whole seconds, at least one
     * @param probes unanswered ones in a row that end the connection
     */
    public record KeepAlive(Duration idle, Duration interval, int probes) {}
}
