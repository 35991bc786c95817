package io.rocketsockets.nio;

import io.rocketsockets.engine.PeerCredentials;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

/** The one class that needs the module jdk.net. */
final class PeerCredentialsOption {
    private PeerCredentialsOption() {}

    /** @throws UnsupportedOperationException when this system does not know */
    static PeerCredentials of(SocketChannel channel) throws IOException {
        UnixDomainPrincipal peer = channel.getOption(ExtendedSocketOptions.SO_PEERCRED);
        return new PeerCredentials(peer.user().getName(), peer.group().getName());
    }
}
