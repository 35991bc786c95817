package io.rocketsockets;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * A session that cuts what it receives into messages: lines, or frames with their length in front.
 *
 * <pre>{@code
 * server.start(socket -> {
 *     socket.startReading();
 *     return Frames.lines(socket, 8192, line -> socket.write(answerTo(line)));
 * });
 * }</pre>
 *
 * <p>A session of your own may keep one and pass its {@code onBytes} on.
 *
 * <p><b>Buffers:</b> a message that came in one piece is a view of the receive buffer, others are put together; either is
 * valid only until the callback returns. Memory grows with the bytes that came, never with what a prefix promises, up to
 * the limit.
 * <p><b>Order:</b> all messages of one read are delivered one after another, until the socket is closed.
 * <p><b>Slow peers:</b> within a message the socket's {@link Timeouts#minReadRate()} holds.
 * <p><b>Errors:</b> a message over the limit is a {@link FrameTooLargeException}, thrown before any byte of it is
 * delivered, which closes the socket; what came before it was delivered. The peer's end within a message delivers nothing
 * of it.
 * <p><b>Threading:</b> that of its socket's callbacks.
 */
public abstract sealed class Frames implements SocketSession {
    private static final int SMALLEST_PARTIAL = 256;
    private static final byte[] NOTHING = {};

    private final SocketHandle socket;
    private final Consumer<ByteBuffer> onFrame;
    final int maxBytes;

    /** The beginning of a message whose end has not come. */
    byte[] partial = NOTHING;

    int held;

    private Frames(SocketHandle socket, int maxBytes, Consumer<ByteBuffer> onFrame) {
        this.socket = Objects.requireNonNull(socket, "socket");
        this.onFrame = Objects.requireNonNull(onFrame, "onFrame");
        this.maxBytes = maxBytes;
        if (maxBytes < 1) {
            throw new IllegalArgumentException("frames: maxBytes=" + maxBytes + " < 1; pass the largest message");
        }
    }

    /**
     * Lines that end with LF or CR LF; what is delivered is without it and may be empty.
     *
     * @param maxBytes the longest line, without its end
     */
    public static Frames lines(SocketHandle socket, int maxBytes, Consumer<ByteBuffer> onLine) {
        return new Lines(socket, maxBytes, onLine);
    }

    /**
     * Frames behind their length, an unsigned number in network byte order; what is delivered is without it and may be
     * empty.
     *
     * @param prefixBytes of the length: 1, 2 or 4
     * @param maxBytes the longest frame, without its prefix
     */
    public static Frames lengthPrefixed(
            SocketHandle socket, int prefixBytes, int maxBytes, Consumer<ByteBuffer> onFrame) {
        return new LengthPrefixed(socket, prefixBytes, maxBytes, onFrame);
    }

    @Override
    public final void onBytes(ByteBuffer bytes) {
        while (bytes.hasRemaining() && socket.isOpen()) {
            int count = missing(bytes);
            boolean isComplete = count <= bytes.remaining();
            int start = bytes.position();
            int taken = Math.min(count, bytes.remaining());
            bytes.position(start + taken);
            if (isComplete && held == 0) {
                deliver(payload(bytes, start, taken));
            } else {
                keep(bytes, start, taken);
                if (isComplete) {
                    deliverKept();
                } else {
                    socket.messageBegins();
                }
            }
        }
    }

    /** Answers what came, then closes: what is left of a message can never be whole. */
    @Override
    public final void onInputEnd() {
        socket.close();
    }

    /**
     * How many bytes, from the buffer's position on, the message that begins there or is held wants; more than there are
     * when its end has not come.
     */
    abstract int missing(ByteBuffer bytes);

    /** The message without what frames it, as a view. */
    abstract ByteBuffer payload(ByteBuffer frame, int start, int count);

    private void keep(ByteBuffer bytes, int start, int count) {
        int needed = held + count;
        if (needed > partial.length) {
            partial = Arrays.copyOf(partial, Math.max(needed, Math.max(SMALLEST_PARTIAL, 2 * partial.length)));
        }
        bytes.get(start, partial, held, count);
        held = needed;
    }

    private void deliverKept() {
        ByteBuffer whole = ByteBuffer.wrap(partial);
        int count = held;
        held = 0;
        partial = NOTHING; // a connection between two messages holds nothing
        socket.messageEnds();
        deliver(payload(whole, 0, count));
    }

    private void deliver(ByteBuffer view) {
        try {
            onFrame.accept(view);
        } finally {
            view.limit(0);
        }
    }

    final FrameTooLargeException tooLarge(String size) {
        return new FrameTooLargeException("message refused: socket=" + socket.id() + " endpoint=" + socket.endpoint()
                + " bytes" + size + " > maxBytes=" + maxBytes + "; raise maxBytes, or it is not this protocol");
    }

    private static final class Lines extends Frames {
        Lines(SocketHandle socket, int maxBytes, Consumer<ByteBuffer> onLine) {
            super(socket, maxBytes, onLine);
        }

        @Override
        int missing(ByteBuffer bytes) {
            int start = bytes.position();
            int limit = bytes.limit();
            for (int i = start; i < limit; i++) {
                if (bytes.get(i) == '\n') {
                    int length = held + i - start;
                    if (length > maxBytes && length - (endsWithReturn(bytes, i) ? 1 : 0) > maxBytes) {
                        throw tooLarge("=" + length);
                    }
                    return i - start + 1;
                }
            }
            int length = held + limit - start;
            if (length > maxBytes && length - (endsWithReturn(bytes, limit) ? 1 : 0) > maxBytes) {
                throw tooLarge(">=" + length);
            }
            return Integer.MAX_VALUE;
        }

        private boolean endsWithReturn(ByteBuffer bytes, int end) {
            return end > bytes.position() ? bytes.get(end - 1) == '\r' : held > 0 && partial[held - 1] == '\r';
        }

        @Override
        ByteBuffer payload(ByteBuffer line, int start, int count) {
            int length = count - 1;
            if (length > 0 && line.get(start + length - 1) == '\r') {
                length--;
            }
            return line.slice(start, length);
        }
    }

    private static final class LengthPrefixed extends Frames {
        private final int prefixBytes;

        LengthPrefixed(SocketHandle socket, int prefixBytes, int maxBytes, Consumer<ByteBuffer> onFrame) {
            super(socket, maxBytes, onFrame);
            this.prefixBytes = prefixBytes;
            if (prefixBytes != 1 && prefixBytes != 2 && prefixBytes != 4) {
                throw new IllegalArgumentException(
                        "frames: prefixBytes=" + prefixBytes + " is not one of 1, 2, 4; pass one of these");
            }
            if (maxBytes > Integer.MAX_VALUE - prefixBytes) {
                throw new IllegalArgumentException("frames: maxBytes=" + maxBytes + " > "
                        + (Integer.MAX_VALUE - prefixBytes) + "; pass at most what an array holds with its prefix");
            }
        }

        @Override
        int missing(ByteBuffer bytes) {
            if (held + bytes.remaining() < prefixBytes) {
                return prefixBytes - held;
            }
            long length = 0;
            for (int i = 0; i < prefixBytes; i++) {
                byte next = i < held ? partial[i] : bytes.get(bytes.position() + i - held);
                length = length << 8 | next & 0xff;
            }
            if (length > maxBytes) {
                throw tooLarge("=" + length);
            }
            return prefixBytes + (int) length - held;
        }

        @Override
        ByteBuffer payload(ByteBuffer frame, int start, int count) {
            return frame.slice(start + prefixBytes, count - prefixBytes);
        }
    }
}
