package io.rocketsockets.engine;

import java.net.SocketAddress;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One connected socket inside an engine. Confined to the loop that adopted it, except where said otherwise. */
public interface Transport {
    /** Answers after the close too; from any thread. */
    SocketAddress remoteAddress();

    /** Answers after the close too; from any thread. */
    SocketAddress localAddress();

    /**
     * What is known of the connection beyond its addresses, by the type of the answer; from any thread.
     *
     * @return null for nothing of that type
     */
    default <T> @Nullable T detail(Class<T> type) {
        return null;
    }

    /**
     * Leaves its loop, or that of the listener which accepted it, to be adopted by another; nothing is reported until then.
     * Called between two dispatches.
     *
     * @throws TransportException when the system refuses; then it has not left
     */
    void detach() throws TransportException;

    /** Reports every read to the handler until {@link #stopReading()}. */
    void startReading();

    /** After this returned nothing is reported by {@link TransportHandler#onRead} until {@link #startReading()}. */
    void stopReading();

    /**
     * Hands over the bytes, from position to limit, of the first {@code count} buffers; moves the positions past what was
     * taken.
     *
     * <p>When less than everything was taken, {@link TransportHandler#onWritten} follows; until then nothing may be
     * written. No reference to the buffers is kept: an engine that sends later takes a copy, which is {@link #pending}.
     *
     * @return bytes that were taken, by the kernel or in a copy
     * @throws TransportException when the connection is broken
     */
    long write(ByteBuffer[] buffers, int count) throws TransportException;

    /** Bytes that {@link #write} took a copy of and the kernel has not; each that it takes is told by onWritten. */
    default long pending() {
        return 0;
    }

    /** Sends FIN after what was written; reading goes on. */
    void shutdownOutput() throws TransportException;

    /** Closes: FIN, or RST when received bytes were not read. Nothing is reported any more. Idempotent; any thread. */
    void close();

    /** Closes with RST and drops what the kernel holds. Nothing is reported any more. Idempotent; any thread. */
    void reset();
}
