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
import java.net.UnknownHostException;
import java.nio.ByteOrder;

/** {@code struct sockaddr_in} and {@code sockaddr_in6} of {@code netinet/in.h}, to and from Java's addresses. */
public final class SocketAddresses {
    /** {@code sizeof(struct sockaddr_in6)}: room for either. */
    public static final int BYTES = 28;

    /** Of {@code struct sockaddr_in}: family, port, address. */
    private static final int IPV4_SIGNIFICANT_BYTES = 8;

    /** {@code sizeof(struct sockaddr_in)}. */
    private static final int IPV4_BYTES = 16;

    public static final int AF_INET = 2;
    public static final int AF_INET6 = 10;

    // Unaligned, since an array of bytes is.
    private static final ValueLayout.OfShort FAMILY = JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfShort PORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt SCOPE = JAVA_INT_UNALIGNED;

    // Offsets: family, port (both structs); then address (v4) or flow, address, scope (v6).
    private static final int PORT_AT = 2;
    private static final int IPV4_ADDRESS_AT = 4;
    private static final int IPV6_ADDRESS_AT = 8;
    private static final int IPV6_SCOPE_AT = 24;

    private SocketAddresses() {}

    /** The family that a socket for this address is opened in: IPv6's wildcard listens to both. */
    public static int familyOf(InetSocketAddress address) {
        return address.getAddress() instanceof Inet6Address ? AF_INET6 : AF_INET;
    }

    /** @return how many bytes it takes */
    public static int write(InetSocketAddress address, MemorySegment to) {
        to.asSlice(0, BYTES).fill((byte) 0);
        to.set(FAMILY, 0, (short) familyOf(address));
        to.set(PORT, PORT_AT, (short) address.getPort());
        byte[] bytes = address.getAddress().getAddress();
        if (address.getAddress() instanceof Inet6Address ipv6) {
            MemorySegment.copy(bytes, 0, to, JAVA_BYTE, IPV6_ADDRESS_AT, bytes.length);
            to.set(SCOPE, IPV6_SCOPE_AT, ipv6.getScopeId());
            return BYTES;
        }
        MemorySegment.copy(bytes, 0, to, JAVA_BYTE, IPV4_ADDRESS_AT, bytes.length);
        return IPV4_BYTES;
    }

    /** A copy of what {@link #read} needs, a fourth of what its object takes; for IPv4, the few bytes of that. */
    public static byte[] bytes(MemorySegment from) {
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
        return from.asSlice(0, BYTES).toArray(JAVA_BYTE);
    }

    /** Whether it is the address of an IPv4 peer of an IPv6 socket: {@code ::ffff:a.b.c.d}. */
    private static boolean isMapped(MemorySegment ipv6) {
        return ipv6.get(JAVA_LONG_UNALIGNED, IPV6_ADDRESS_AT) == 0
                && ipv6.get(JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), IPV6_ADDRESS_AT + 8) == 0xffff;
    }

    /** An IPv4 peer of an IPv6 socket gets its IPv4 address, as Java has it everywhere. */
    public static InetSocketAddress read(MemorySegment from) {
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
