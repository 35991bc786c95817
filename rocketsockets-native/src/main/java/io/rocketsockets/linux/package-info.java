/** The one door to the kernel, for every engine: its calls, its errors, its addresses, and what of it is there. */
@NullMarked
package io.rocketsockets.linux;

import org.jspecify.annotations.NullMarked;
