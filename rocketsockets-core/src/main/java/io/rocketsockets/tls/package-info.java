/**
 * TLS 1.2 and 1.3, by the JDK's {@code SSLEngine}, as a filter above the seam: the same on every engine.
 *
 * <ul>
 *   <li>{@link io.rocketsockets.tls.TlsConfigurator}: the options of an endpoint, frozen to a {@link
 *       io.rocketsockets.tls.TlsConfiguration}
 *   <li>{@link io.rocketsockets.tls.TlsSession}: what was agreed with a peer
 *   <li>{@link io.rocketsockets.tls.TlsEndpoint}: an endpoint at work, with the certificates it serves now
 *   <li>{@link io.rocketsockets.tls.TlsWorkers}: the threads beside the loops, for the arithmetic of handshakes
 * </ul>
 */
@NullMarked
package io.rocketsockets.tls;

import org.jspecify.annotations.NullMarked;
