/**
 * The engine on epoll: for where io_uring is refused. It imitates completion by reading and writing itself when epoll says
 * that a socket is ready.
 */
@NullMarked
package io.rocketsockets.epoll;

import org.jspecify.annotations.NullMarked;
