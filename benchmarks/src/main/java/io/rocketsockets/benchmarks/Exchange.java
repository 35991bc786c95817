package io.rocketsockets.benchmarks;

import io.rocketsockets.benchmarks.servers.Reply;
import java.nio.ByteBuffer;

/** One message there and its answer back. */
record Exchange(int requestBytes, int replyBytes, Reply reply, Wire wire) {

    static Exchange echo(int bytes) {
        return new Exchange(bytes, bytes, Reply.ECHO, Wire.PLAIN);
    }

    static Exchange echo(int bytes, Wire secure) {
        return new Exchange(bytes, bytes, Reply.SECURE_ECHO, secure);
    }

    /** An answer that takes the server some 50 µs to compute. */
    static Exchange busyEcho() {
        return new Exchange(Reply.MESSAGE_BYTES, Reply.MESSAGE_BYTES, Reply.BUSY_ECHO, Wire.PLAIN);
    }

    static Exchange smallWrites() {
        return new Exchange(Reply.PIECE_BYTES, Reply.PIECES * Reply.PIECE_BYTES, Reply.SMALL_WRITES, Wire.PLAIN);
    }

    boolean isSecure() {
        return wire != Wire.PLAIN;
    }

    boolean isEcho() {
        return reply != Reply.SMALL_WRITES;
    }

    /** The bytes of several requests, ready to be written. */
    ByteBuffer requests(int count) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(count * requestBytes);
        while (bytes.hasRemaining()) {
            bytes.put((byte) (bytes.position() % requestBytes * 31));
        }
        return bytes.flip();
    }
}
