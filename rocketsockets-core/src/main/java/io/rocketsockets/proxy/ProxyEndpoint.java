package io.rocketsockets.proxy;

import io.rocketsockets.engine.Transport;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;

/** The {@link ProxyProtocol} of one endpoint at work; immutable, any thread. */
public final class ProxyEndpoint {
    private final ProxyProtocol rules;
    private final List<AddressRange> trusted;

    /** @throws IllegalArgumentException when there are {@link ProxyProtocol#errors} */
    public ProxyEndpoint(ProxyProtocol rules) {
        this.rules = rules;
        this.trusted = rules.trusted().stream().map(AddressRange::of).toList();
    }

    /** Whether the connection may be somebody else's, who is known once it is ready. */
    public boolean mayRelay(SocketAddress peer) {
        return rules.mode() != ProxyProtocol.Mode.OFF && isTrusted(peer);
    }

    /** The transport, with a filter over it that takes the header off, where one is expected. */
    public Transport over(Transport transport) {
        return rules.mode() == ProxyProtocol.Mode.OFF
                ? transport
                : new ProxyFilter(transport, rules, isTrusted(transport.remoteAddress()));
    }

    private boolean isTrusted(SocketAddress peer) {
        if (!(peer instanceof InetSocketAddress inet)) {
            return true; // let in by the permissions of a file
        }
        InetAddress address = inet.getAddress();
        return address != null && trusted.stream().anyMatch(range -> range.contains(address));
    }
}
