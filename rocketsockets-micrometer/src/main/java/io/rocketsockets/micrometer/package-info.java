/** {@link io.rocketsockets.micrometer.RocketSocketsMetrics}: the counts of a server as Micrometer's meters. */
@NullMarked
package io.rocketsockets.micrometer;

import org.jspecify.annotations.NullMarked;
