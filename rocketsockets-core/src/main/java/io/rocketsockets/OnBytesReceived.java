package io.rocketsockets;

import java.nio.ByteBuffer;

/**
 * Called with the bytes of each read; the second of the two callbacks that an application needs. Order, threading and
 * failure are those of {@link OnConnectionReceived}.
 */
@FunctionalInterface
public interface OnBytesReceived {
    /**
     * One read has delivered bytes.
     *
     * <p><b>Ownership:</b> {@code bytes} is the event loop's memory and valid only until this call returns; after that,
     * every access through it throws. Writing it back, to this or any other socket, is safe. Keeping its content means
     * copying it; a duplicate or slice that the application made is not protected.
     *
     * @param socketId the {@link SocketHandle#id()} of the socket that sent them
     * @param bytes position to limit are what one read delivered, never 0 bytes; a stream has no message boundaries
     */
    void received(String socketId, ByteBuffer bytes);
}
