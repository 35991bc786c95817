/**
 * The program that a newcomer runs first.
 *
 * <ul>
 *   <li>{@code ExampleDaemon}: {@code main}
 *   <li>{@code ExampleOptions}: what the command line can choose
 *   <li>{@code ExampleService}: what it does with a socket
 * </ul>
 */
@NullMarked
package io.rocketsockets.example;

import org.jspecify.annotations.NullMarked;
