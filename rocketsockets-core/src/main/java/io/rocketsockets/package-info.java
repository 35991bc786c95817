/**
 * A simple, yet scalable socket server based on event loops.
 *
 * <p>Where to begin:
 *
 * <ul>
 *   <li>{@link io.rocketsockets.RocketServer}: makes a server from a line of configuration
 *   <li>{@link io.rocketsockets.SocketServer}: starts it with two callbacks, or one session per connection, and stops it
 *   <li>{@link io.rocketsockets.SocketHandle}: one socket: read, write, close, from any thread
 *   <li>{@link io.rocketsockets.ServerConfigurator}: the options
 *   <li>{@link io.rocketsockets.ServerStats}, {@link io.rocketsockets.ServerListener}: what it does
 * </ul>
 */
@NullMarked
package io.rocketsockets;

import org.jspecify.annotations.NullMarked;
