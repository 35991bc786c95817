package io.rocketsockets;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The two-callback form, built on sessions. */
record CallbackSessions(OnConnectionReceived onConnection, OnBytesReceived onBytes) implements SocketSessionFactory {
    @Override
    public SocketSession open(SocketHandle socket) {
        return new CallbackSession(socket, onConnection.connected(socket), onBytes);
    }

    record CallbackSession(SocketHandle socket, @Nullable Runnable closeAction, OnBytesReceived onBytes)
            implements SocketSession {
        @Override
        public void onBytes(ByteBuffer bytes) {
            onBytes.received(socket.id(), bytes);
        }

        /** There is no callback to tell it to. */
        @Override
        public void onInputEnd() {
            socket.close();
        }

        @Override
        public void onClose() {
            if (closeAction != null) {
                closeAction.run();
            }
        }
    }
}
