package io.rocketsockets.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.rocketsockets.engine.PeerCredentials;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Who has connected a Unix socket, by number: {@code struct ucred} of {@code sys/socket.h}, less the process. */
public record PeerIds(int user, int group) {
    // asm-generic/socket.h
    private static final int SOL_SOCKET = 1;
    private static final int SO_PEERCRED = 17;

    /** @return null when the kernel does not tell */
    public static @Nullable PeerIds of(Libc libc, int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment processUserGroup = arena.allocate(JAVA_INT, 3);
            MemorySegment bytes = arena.allocateFrom(JAVA_INT, (int) processUserGroup.byteSize());
            return libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, processUserGroup, bytes) < 0
                    ? null
                    : new PeerIds(processUserGroup.getAtIndex(JAVA_INT, 1), processUserGroup.getAtIndex(JAVA_INT, 2));
        }
    }

    /** Looks the names up, which may ask other machines. */
    public PeerCredentials named() {
        return new PeerCredentials(Libc.userName(user), Libc.groupName(group));
    }
}
