package io.rocketsockets.guice;

import com.google.inject.assistedinject.Assisted;
import io.rocketsockets.SocketHandle;
import io.rocketsockets.SocketSession;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;

/** Answers in capitals; each session tells the room that it is there. */
final class ShoutSession implements SocketSession {
    private final SocketHandle socket;

    @Inject
    ShoutSession(@Assisted SocketHandle socket, Room room) {
        this.socket = socket;
        room.sessions().add(this);
        socket.startReading();
    }

    @Override
    public void onBytes(ByteBuffer bytes) {
        String text = StandardCharsets.UTF_8.decode(bytes).toString();
        socket.write(StandardCharsets.UTF_8.encode(text.toUpperCase(Locale.ROOT)));
    }

    /** What the sessions share. */
    @Singleton
    static final class Room {
        private final List<SocketSession> sessions = new CopyOnWriteArrayList<>();

        @Inject
        Room() {}

        List<SocketSession> sessions() {
            return sessions;
        }
    }
}
