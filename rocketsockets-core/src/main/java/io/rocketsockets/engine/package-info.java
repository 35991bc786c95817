/**
 * The seam between the server and what moves its bytes. An engine is completion-shaped: it reports connections accepted,
 * bytes read, bytes taken, and failures; everything above (connections, write queues, timers, limits) exists once.
 *
 * <p>What a new engine supplies, in this order:
 *
 * <ol>
 *   <li>{@link io.rocketsockets.engine.EngineFactory}: its name, and how to open one engine per event loop
 *   <li>{@link io.rocketsockets.engine.Engine}: wait, dispatch, wake up, listen, adopt
 *   <li>{@link io.rocketsockets.engine.Listener}: one listening socket, reporting to an {@link
 *       io.rocketsockets.engine.AcceptHandler}
 *   <li>{@link io.rocketsockets.engine.Transport}: one connected socket, reporting to a {@link
 *       io.rocketsockets.engine.TransportHandler}
 * </ol>
 *
 * <p><b>Threading:</b> an engine, its listeners and its transports are confined to the thread of one event loop, except
 * for the methods that say otherwise. Handlers are called by {@link io.rocketsockets.engine.Engine#dispatch} only.
 */
@NullMarked
package io.rocketsockets.engine;

import org.jspecify.annotations.NullMarked;
