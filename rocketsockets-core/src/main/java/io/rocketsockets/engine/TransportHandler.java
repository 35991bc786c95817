package io.rocketsockets.engine;

import java.nio.ByteBuffer;

/** What a {@link Transport} reports, on its loop. Nothing is reported after the transport was closed. */
public interface TransportHandler {
    /** What a {@link Filter} waits for before its connection is ready. */
    enum Stage {
        PROXY_HEADER,

        /** The addresses are known by now. */
        HANDSHAKE
    }

    /**
     * A {@link Filter} waits for its peer, for so long; nothing may be read or written until {@link #onReady}. The handler may
     * close the transport instead.
     */
    default void onStage(Stage stage, long limitNanos) {}

    /** The {@link Filter}s below are ready. Engines do not report it: their transports always are. */
    default void onReady() {}

    /**
     * Something is about to be reported: looks at the memory that this takes, and changes nothing; {@link LookAhead} says why.
     *
     * @return any number made of what was looked at, so that no compiler leaves it out
     */
    default int lookAhead() {
        return 0;
    }

    /** Bytes came, never 0 of them; the buffer is the engine's and valid until this returns. */
    void onRead(ByteBuffer bytes);

    /** The peer sent FIN; reported once, after the last {@link #onRead}. */
    void onEnd();

    /** The kernel took so many bytes of what was {@linkplain Transport#pending pending}, 0 too; more may be written. */
    void onWritten(long bytes);

    /** The connection is broken; the last report, the handler closes the transport. */
    void onFailed(TransportException cause);
}
