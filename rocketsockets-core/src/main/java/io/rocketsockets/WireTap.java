package io.rocketsockets;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees the bytes of one socket: put on with {@link SocketHandle#tap} while the socket lives, and taken off likewise. A socket
 * without one pays a comparison with null.
 *
 * <p><b>Threading:</b> called on the loop that owns the socket, which waits for it.
 * <p><b>Failure:</b> what is thrown is logged and takes the tap off; the socket goes on.
 */
@FunctionalInterface
public interface WireTap {
    /** Which way bytes went, as seen from the server. */
    enum Direction {
        /** Read from the kernel. */
        IN,
        /** Given to the kernel. */
        OUT
    }

    /**
     * @param time by the wall clock
     * @param bytes a copy, which the tap may keep
     */
    void onBytes(SocketHandle socket, Direction direction, Instant time, ByteBuffer bytes);

    /** Tells each piece as a text: a line with time, socket, direction and length, then 16 bytes a line in hexadecimal and ASCII. */
    static WireTap hexDump(Consumer<? super String> texts) {
        return new HexDump(texts);
    }

    /** As {@link #hexDump(Consumer)} to the log {@code io.rocketsockets.WireTap}, at INFO. */
    static WireTap hexDump() {
        Logger log = LoggerFactory.getLogger(WireTap.class);
        return hexDump(log::info);
    }
}
