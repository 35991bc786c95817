package io.rocketsockets;

import java.nio.ByteBuffer;

/**
 * One connection seen by the application: an object of its own for each socket, with no look-up by id on the way of a
 * byte. Order, threading and failure are those of {@link OnConnectionReceived}.
 */
public interface SocketSession {
    /** One read has delivered bytes; valid only until this call returns, as in {@link OnBytesReceived#received}. */
    void onBytes(ByteBuffer bytes);

    /**
     * The peer has ended its side and nothing more will come. Runs once, after the last {@link #onBytes}, only where the
     * endpoint allows {@link EndpointConfigurator#halfClose}; the socket then stays open until {@link SocketHandle#close()}.
     */
    default void onInputEnd() {}

    /** The socket has closed; runs exactly once, after every other callback of this session. */
    default void onClose() {}
}
