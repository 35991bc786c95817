/**
 * The servers that are measured: one main class each, run as a process of its own, doing nothing but {@link
 * io.rocketsockets.benchmarks.servers.Reply}.
 *
 * <p>Each is configured as its own documentation advises for speed on one core: one event loop thread, {@code
 * TCP_NODELAY}, pooled buffers, writes flushed when a read is complete, no logging. Each is called {@code
 * Server <reply> [<variant>]}, listens on a free port of every address and talks to the driver through {@link
 * io.rocketsockets.benchmarks.servers.SideChannel}.
 */
package io.rocketsockets.benchmarks.servers;
