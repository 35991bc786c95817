package io.rocketsockets.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.file.InvalidPathException;

/**
 * {@code struct sockaddr_in} and {@code sockaddr_in6} of {@code netinet/in.h} and {@code sockaddr_un} of {@code sys/un.h}, to
 * and from Java's addresses.
 */
public final class SocketAddresses {
    /** Room for any: {@code sizeof(struct sockaddr_un)} is 110. */
    public static final int BYTES = 112;

    /** {@code sizeof(struct sockaddr_in6)}. */
    private static final int IPV6_BYTES = 28;

    /** Of {@code struct sockaddr_in}: family, port, address. */
    private static final int IPV4_SIGNIFICANT_BYTES = 8;

    /** {@code sizeof(struct sockaddr_in)}. */
    private static final int IPV4_BYTES = 16;

    public static final int AF_UNIX = 1;
    public static final int AF_INET = 2;
    public static final int AF_INET6 = 10;

    // Unaligned, since an array of bytes is.
    private static final ValueLayout.OfShort FAMILY = JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfShort PORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt SCOPE = JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfInt BIG_ENDIAN_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    // Offsets: family, port (both structs); then address (v4) or flow, address, scope (v6).
    private static final int PORT_AT = 2;
    private static final int PATH_AT = 2;
    private static final int IPV4_ADDRESS_AT = 4;
    private static final int IPV6_ADDRESS_AT = 8;
    private static final int IPV6_SCOPE_AT = 24;

    /** How the JDK writes paths. */
    private static final Charset OF_PATHS = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    /** Of most peers of Unix sockets. */
    private static final byte[] NAMELESS = {AF_UNIX, 0};

    private SocketAddresses() {}

    static boolean isUnix(MemorySegment from) {
        return from.get(FAMILY, 0) == AF_UNIX;
    }

    /** Whether it leaves open at which address connections arrive. */
    public static boolean isWildcard(SocketAddress address) {
        return address instanceof InetSocketAddress inet && inet.getAddress().isAnyLocalAddress();
    }

    /** @return how many bytes it takes, with the NUL at the end of the path */
    public static int write(UnixDomainSocketAddress address, MemorySegment to) {
        byte[] path = address.getPath().toString().getBytes(OF_PATHS);
        to.fill((byte) 0);
        to.set(FAMILY, 0, (short) AF_UNIX);
        MemorySegment.copy(path, 0, to, JAVA_BYTE, PATH_AT, path.length);
        return PATH_AT + path.length + 1;
    }

    /** The family that a socket for this address is opened in: IPv6's wildcard listens to both. */
    public static int familyOf(InetSocketAddress address) {
        return address.getAddress() instanceof Inet6Address ? AF_INET6 : AF_INET;
    }

    /** @return how many bytes it takes */
    public static int write(InetSocketAddress address, MemorySegment to) {
        to.asSlice(0, IPV6_BYTES).fill((byte) 0);
        to.set(FAMILY, 0, (short) familyOf(address));
        to.set(PORT, PORT_AT, (short) address.getPort());
        byte[] bytes = address.getAddress().getAddress();
        if (address.getAddress() instanceof Inet6Address ipv6) {
            MemorySegment.copy(bytes, 0, to, JAVA_BYTE, IPV6_ADDRESS_AT, bytes.length);
            to.set(SCOPE, IPV6_SCOPE_AT, ipv6.getScopeId());
            return IPV6_BYTES;
        }
        MemorySegment.copy(bytes, 0, to, JAVA_BYTE, IPV4_ADDRESS_AT, bytes.length);
        return IPV4_BYTES;
    }

    /**
     * A copy of what {@link #read} needs, a fourth of what its object takes; for IPv4, the few bytes of that.
     *
     * @param length what the kernel says it has written
     */
    public static byte[] bytes(MemorySegment from, int length) {
        if (isUnix(from)) {
            return length <= PATH_AT
                    ? NAMELESS
                    : from.asSlice(0, Math.min(length, BYTES)).toArray(JAVA_BYTE);
        }
        if (from.get(FAMILY, 0) == AF_INET) {
            return from.asSlice(0, IPV4_SIGNIFICANT_BYTES).toArray(JAVA_BYTE);
        }
        if (isMapped(from)) {
            byte[] bytes = new byte[IPV4_SIGNIFICANT_BYTES];
            MemorySegment ipv4 = MemorySegment.ofArray(bytes);
            ipv4.set(FAMILY, 0, (short) AF_INET);
            MemorySegment.copy(from, PORT_AT, ipv4, PORT_AT, 2);
            MemorySegment.copy(from, IPV6_ADDRESS_AT + 12, ipv4, IPV4_ADDRESS_AT, 4);
            return bytes;
        }
        return from.asSlice(0, IPV6_BYTES).toArray(JAVA_BYTE);
    }

    /** Whether it is the address of an IPv4 peer of an IPv6 socket: {@code ::ffff:a.b.c.d}. */
    private static boolean isMapped(MemorySegment ipv6) {
        return ipv6.get(JAVA_LONG_UNALIGNED, IPV6_ADDRESS_AT) == 0
                && ipv6.get(BIG_ENDIAN_INT, IPV6_ADDRESS_AT + 8) == 0xffff;
    }

    /** What {@link #bytes} has copied. An IPv4 peer of an IPv6 socket has its IPv4 address, as Java has it everywhere. */
    public static SocketAddress read(byte[] bytes) {
        MemorySegment from = MemorySegment.ofArray(bytes);
        return isUnix(from) ? readUnix(bytes) : readInet(from);
    }

    /** A name that is no path has none: an abstract one, as the JDK sees it too, or one that its peer made up. */
    private static UnixDomainSocketAddress readUnix(byte[] bytes) {
        int end = PATH_AT;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        try {
            return UnixDomainSocketAddress.of(new String(bytes, PATH_AT, end - PATH_AT, OF_PATHS));
        } catch (InvalidPathException unusable) {
            return UnixDomainSocketAddress.of("");
        }
    }

    private static InetSocketAddress readInet(MemorySegment from) {
        boolean isIpv6 = from.get(FAMILY, 0) == AF_INET6;
        byte[] bytes = new byte[isIpv6 ? 16 : 4];
        MemorySegment.copy(from, JAVA_BYTE, isIpv6 ? IPV6_ADDRESS_AT : IPV4_ADDRESS_AT, bytes, 0, bytes.length);
        int port = Short.toUnsignedInt(from.get(PORT, PORT_AT));
        try {
            InetAddress address = InetAddress.getByAddress(bytes);
            int scope = isIpv6 ? from.get(SCOPE, IPV6_SCOPE_AT) : 0;
            if (scope != 0) {
                address = Inet6Address.getByAddress(null, bytes, scope);
            }
            return new InetSocketAddress(address, port);
        } catch (UnknownHostException impossible) {
            throw new AssertionError("4 and 16 bytes are an address", impossible);
        }
    }
}
