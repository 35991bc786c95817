/**
 * The engine on the JDK's {@link java.nio.channels.Selector}: runs everywhere. It imitates completion by reading and
 * writing itself when the selector says that a socket is ready.
 */
@NullMarked
package io.rocketsockets.nio;

import org.jspecify.annotations.NullMarked;
