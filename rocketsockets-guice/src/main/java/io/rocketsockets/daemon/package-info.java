/**
 * A process that runs services: command line, start and stop in order, signals, exit status,
 * configuration from outside, and what systemd and orchestrators want to know.
 *
 * <ul>
 *   <li>{@link io.rocketsockets.daemon.Daemon}: a service, started and stopped with the process
 *   <li>{@link io.rocketsockets.daemon.DaemonConfigurator}: name, command line, services, timeouts
 *   <li>{@link io.rocketsockets.daemon.DaemonArguments}: what the command line passed on to the services
 *   <li>{@link io.rocketsockets.daemon.DaemonHost}: runs a {@link io.rocketsockets.daemon.Program} that comes from elsewhere
 *       than {@code Assimilate}
 *   <li>{@link io.rocketsockets.daemon.JournalLayout}: log lines for systemd's journal, with Logback
 * </ul>
 */
@NullMarked
package io.rocketsockets.daemon;

import org.jspecify.annotations.NullMarked;
