/** The engine on io_uring: the kernel is told what to do and tells what was done, in memory that both see. */
@NullMarked
package io.rocketsockets.uring;

import org.jspecify.annotations.NullMarked;
