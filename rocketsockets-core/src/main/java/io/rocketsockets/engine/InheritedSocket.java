package io.rocketsockets.engine;

import java.io.Serial;
import java.net.SocketAddress;

/**
 * Stands for the address of a listening socket that this process was started with. An engine adopts the socket as it is,
 * and does not close it: it belongs to whoever started the process.
 */
public final class InheritedSocket extends SocketAddress {
    @Serial
    private static final long serialVersionUID = 1;

    private final int descriptor;

    public InheritedSocket(int descriptor) {
        this.descriptor = descriptor;
    }

    public int descriptor() {
        return descriptor;
    }

    @Override
    public String toString() {
        return "descriptor=" + descriptor;
    }
}
