package io.rocketsockets.engine;

/**
 * Who is at the other end of a Unix socket, as the kernel saw it when the peer connected: SO_PEERCRED of {@code unix(7)}. A
 * {@link Transport#detail} of those that know.
 *
 * @param user name of the process' user, or its number where it has no name
 * @param group the same of its group
 */
public record PeerCredentials(String user, String group) {}
