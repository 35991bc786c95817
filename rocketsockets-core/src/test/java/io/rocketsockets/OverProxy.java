package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.rocketsockets.proxy.ProxyProtocol;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketException;

/** The mode in which a proxy stands before the endpoints of a contract, and says of each connection from where it is. */
interface OverProxy extends EngineUnderTest {
    @Override
    default void configure(EndpointConfigurator endpoint) {
        endpoint.proxyProtocol(ProxyProtocol.requiredFrom("127.0.0.0/8"));
    }

    @Override
    default Client speaking(Client connected) throws IOException {
        if (connected.socket.isClosed()) { // refused at once
            return connected;
        }
        InetSocketAddress from = (InetSocketAddress) connected.address();
        InetSocketAddress to = (InetSocketAddress) connected.socket.getRemoteSocketAddress();
        String header = "PROXY TCP4 " + from.getAddress().getHostAddress() + " "
                + to.getAddress().getHostAddress() + " " + from.getPort() + " " + to.getPort() + "\r\n";
        try {
            connected.socket.getOutputStream().write(header.getBytes(US_ASCII));
        } catch (SocketException reset) { // refused since
            connected.socket.close();
        }
        return connected;
    }
}
