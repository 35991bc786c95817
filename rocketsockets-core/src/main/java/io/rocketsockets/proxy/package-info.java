/**
 * The PROXY protocol (haproxy.org, {@code proxy-protocol.txt}, versions 1 and 2): a proxy tells in front of the first byte
 * for whom it opened the connection.
 *
 * <ul>
 *   <li>{@link io.rocketsockets.proxy.ProxyProtocol}: who may, and who must, send a header
 *   <li>{@link io.rocketsockets.proxy.ProxyHeader}: what it said
 *   <li>{@link io.rocketsockets.proxy.ProxyEndpoint}: takes it off the streams of an endpoint
 * </ul>
 */
@NullMarked
package io.rocketsockets.proxy;

import org.jspecify.annotations.NullMarked;
