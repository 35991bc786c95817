package io.rocketsockets.proxy;

import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What a proxy said about a connection.
 *
 * @param version 1 or 2
 * @param relayed whether it is the connection of somebody else; false where the proxy speaks for itself (LOCAL, such as a
 *     health check) or does not know (UNKNOWN, UNSPEC)
 * @param source who opened the connection to the proxy; the socket's own peer where that is not told
 * @param destination the address that it was opened to; the socket's own where that is not told
 * @param tlvs what else was said, in order; always empty in version 1
 */
public record ProxyHeader(
        int version, boolean relayed, SocketAddress source, SocketAddress destination, List<Tlv> tlvs) {
    /** {@code PP2_TYPE_ALPN}: the application's protocol. */
    public static final int ALPN = 0x01;

    /** {@code PP2_TYPE_AUTHORITY}: the host name that the client asked for. */
    public static final int AUTHORITY = 0x02;

    /** {@code PP2_TYPE_UNIQUE_ID}: the proxy's name for the connection. */
    public static final int UNIQUE_ID = 0x05;

    /** {@code PP2_TYPE_SSL}: how the client spoke TLS to the proxy. */
    public static final int SSL = 0x20;

    public ProxyHeader {
        Objects.requireNonNull(source, "source");
        Objects.requireNonNull(destination, "destination");
        tlvs = List.copyOf(tlvs);
    }

    /** The first of that type. */
    public Optional<Tlv> tlv(int type) {
        return tlvs.stream().filter(tlv -> tlv.type == type).findFirst();
    }

    /**
     * A type, and a value that its type explains.
     *
     * @param type 0 to 255
     * @param value read-only, from position to limit
     */
    public record Tlv(int type, ByteBuffer value) {
        public Tlv {
            value = value.asReadOnlyBuffer();
        }

        /** A view of its own. */
        @Override
        public ByteBuffer value() {
            return value.duplicate();
        }

        /** The value as UTF-8; what is none is replaced by U+FFFD. */
        public String text() {
            return StandardCharsets.UTF_8.decode(value()).toString();
        }
    }
}
