/**
 * The socket server in Guice.
 *
 * <ul>
 *   <li>{@link io.rocketsockets.guice.RocketSocketsModule}: binds a server; its table lists every key
 *   <li>{@link io.rocketsockets.guice.RocketSocketsBinder}: what a module of the application adds: sessions, services
 *   <li>{@link io.rocketsockets.guice.SocketServerFactory}: makes further servers while running
 *   <li>{@link io.rocketsockets.guice.Assimilate}: a whole program in one statement
 * </ul>
 */
@NullMarked
package io.rocketsockets.guice;

import org.jspecify.annotations.NullMarked;
