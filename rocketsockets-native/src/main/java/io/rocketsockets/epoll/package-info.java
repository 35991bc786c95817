/** The engine on epoll: where io_uring is refused. It imitates completion by reading and writing when a socket is ready. */
@NullMarked
package io.rocketsockets.epoll;

import org.jspecify.annotations.NullMarked;
