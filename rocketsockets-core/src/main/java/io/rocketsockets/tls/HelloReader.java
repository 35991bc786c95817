package io.rocketsockets.tls;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Reads the ClientHello off a stream before there is an engine, to learn which name the peer asks for (SNI). However it is cut
 * into records and segments it comes out in one piece, so that nobody is served by another name's rules for having cut it.
 *
 * <p><b>Cost:</b> each byte is copied once, and the memory grows with the bytes that came, up to {@link #LONGEST}.
 */
final class HelloReader {
    /** Of the message; what a hello of some kilobytes leaves far behind. */
    static final int LONGEST = 64 * 1024;

    /** Records that a hello may be cut into; of one byte each they take five to carry it. */
    private static final int MOST_RECORDS = LONGEST;

    private static final int HANDSHAKE = 22;
    private static final int ALERT = 21;
    private static final int CLIENT_HELLO = 1;
    private static final int RECORD_HEADER = 5;
    private static final int MESSAGE_HEADER = 4;
    private static final int LONGEST_RECORD = 16 * 1024;
    private static final int SERVER_NAME = 0;
    private static final int HOST_NAME = 0;

    private final byte[] header = new byte[RECORD_HEADER];
    private int headerBytes;
    private int recordLeft;
    private int records;
    private byte[] message = {};
    private int messageBytes;

    /** Whether any byte has come. */
    boolean hasBegun() {
        return headerBytes > 0 || messageBytes > 0;
    }

    /**
     * Takes bytes until the hello is complete.
     *
     * @return whether it is; then the bytes that are left stood behind it
     */
    boolean take(ByteBuffer bytes) throws HelloException {
        while (bytes.hasRemaining() && !isComplete()) {
            if (recordLeft == 0) {
                takeHeader(bytes);
            } else {
                takeMessage(bytes);
            }
        }
        return isComplete();
    }

    /** Bytes of the message that have come. */
    int size() {
        return messageBytes;
    }

    private void takeHeader(ByteBuffer bytes) throws HelloException {
        header[headerBytes++] = bytes.get();
        if (headerBytes == 1 && header[0] != HANDSHAKE) {
            throw header[0] == ALERT && records == 0
                    ? new HelloException(HelloException.NO_ALERT, "an alert instead of a hello")
                    : notTls();
        }
        if (headerBytes == 2 && header[1] != 3) {
            throw notTls();
        }
        if (headerBytes == RECORD_HEADER) {
            headerBytes = 0;
            recordLeft = (header[3] & 0xff) << 8 | header[4] & 0xff;
            if (recordLeft > LONGEST_RECORD) {
                throw new HelloException(HelloException.RECORD_OVERFLOW, "a record of " + recordLeft + " bytes");
            }
            if (recordLeft == 0 || ++records > MOST_RECORDS) {
                throw new HelloException(HelloException.UNEXPECTED_MESSAGE, "a hello in empty or too many records");
            }
        }
    }

    private HelloException notTls() {
        return records == 0
                ? new HelloException(HelloException.NO_ALERT, "not TLS")
                : new HelloException(HelloException.UNEXPECTED_MESSAGE, "another record within the hello");
    }

    private void takeMessage(ByteBuffer bytes) throws HelloException {
        int count = Math.min(recordLeft, bytes.remaining());
        int needed = messageBytes + count;
        if (needed > message.length) {
            message = Arrays.copyOf(message, Math.max(needed, Math.max(512, 2 * message.length)));
        }
        bytes.get(message, messageBytes, count);
        messageBytes = needed;
        recordLeft -= count;
        if (message[0] != CLIENT_HELLO) {
            throw new HelloException(HelloException.UNEXPECTED_MESSAGE, "another message instead of a hello");
        }
        if (messageBytes >= MESSAGE_HEADER) {
            int length = MESSAGE_HEADER + messageLength();
            if (length > LONGEST) {
                throw new HelloException(HelloException.DECODE_ERROR, "a hello of " + length + " bytes > " + LONGEST);
            }
            if (messageBytes > length || (messageBytes == length && recordLeft > 0)) {
                throw new HelloException(HelloException.UNEXPECTED_MESSAGE, "something behind the hello in its record");
            }
        }
    }

    private boolean isComplete() {
        return messageBytes >= MESSAGE_HEADER && messageBytes == MESSAGE_HEADER + messageLength();
    }

    private int messageLength() {
        return (message[1] & 0xff) << 16 | (message[2] & 0xff) << 8 | message[3] & 0xff;
    }

    /** The complete hello in as few records as possible, to be read by an engine. */
    ByteBuffer records() {
        int count = (messageBytes + LONGEST_RECORD - 1) / LONGEST_RECORD;
        ByteBuffer records = ByteBuffer.allocate(messageBytes + count * RECORD_HEADER);
        for (int at = 0; at < messageBytes; at += LONGEST_RECORD) {
            int length = Math.min(LONGEST_RECORD, messageBytes - at);
            records.put((byte) HANDSHAKE).put(header[1]).put(header[2]).putShort((short) length);
            records.put(message, at, length);
        }
        return records.flip();
    }

    /** The host name that the complete hello asks for, as it stands there; empty when it asks for none. */
    String serverName() throws HelloException {
        try {
            ByteBuffer hello = ByteBuffer.wrap(message, MESSAGE_HEADER, messageBytes - MESSAGE_HEADER);
            skip(hello, 2 + 32); // version, random
            skip(hello, hello.get() & 0xff); // session id
            skip(hello, hello.getShort() & 0xffff); // cipher suites
            skip(hello, hello.get() & 0xff); // compression methods
            if (!hello.hasRemaining()) {
                return "";
            }
            ByteBuffer extensions = part(hello, hello.getShort() & 0xffff);
            while (extensions.hasRemaining()) {
                int type = extensions.getShort() & 0xffff;
                ByteBuffer extension = part(extensions, extensions.getShort() & 0xffff);
                if (type == SERVER_NAME) {
                    return hostName(extension);
                }
            }
            return "";
        } catch (BufferUnderflowException tooShort) {
            throw new HelloException(HelloException.DECODE_ERROR, "a hello whose lengths do not fit");
        }
    }

    private static String hostName(ByteBuffer extension) {
        ByteBuffer names = part(extension, extension.getShort() & 0xffff);
        while (names.hasRemaining()) {
            int type = names.get();
            ByteBuffer name = part(names, names.getShort() & 0xffff);
            if (type == HOST_NAME) {
                return US_ASCII.decode(name).toString();
            }
        }
        return "";
    }

    private static void skip(ByteBuffer bytes, int count) {
        part(bytes, count);
    }

    private static ByteBuffer part(ByteBuffer bytes, int count) {
        if (count > bytes.remaining()) {
            throw new BufferUnderflowException();
        }
        ByteBuffer part = bytes.slice(bytes.position(), count);
        bytes.position(bytes.position() + count);
        return part;
    }
}
