package io.rocketsockets;

/**
 * The life of a server, a circle: {@code STOPPED -> STARTING -> RUNNING -> STOPPING -> STOPPED}; a start that fails goes
 * {@code STARTING -> STOPPED}.
 */
public enum ServerState {
    STOPPED,
    STARTING,
    RUNNING,
    STOPPING;

    boolean canBecome(ServerState next) {
        return switch (this) {
            case STOPPED -> next == STARTING;
            case STARTING -> next == RUNNING || next == STOPPED;
            case RUNNING -> next == STOPPING;
            case STOPPING -> next == STOPPED;
        };
    }
}
