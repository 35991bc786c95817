package io.rocketsockets.engine;

import java.io.IOException;

/** What a {@link Listener} reports, on its loop. */
public interface AcceptHandler {
    /** A connection that belongs to no loop until {@link Engine#adopt}; the handler owns it now. */
    void onAccepted(Transport transport);

    /**
     * The system refused to accept (no descriptors, no memory) and will go on refusing for a while: the handler is
     * expected to pause. Failures of a single connection, such as one aborted in the backlog, are not reported.
     */
    void onAcceptFailed(IOException cause);
}
