package io.rocketsockets.proxy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.rocketsockets.proxy.ProxyHeader.Tlv;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.file.InvalidPathException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads one header from the beginning of a stream; holds nothing between calls. What is not exactly a header is an error as
 * soon as that can be known, never a guess.
 */
final class ProxyHeaderParser {
    /** With its CRLF; the specification's. */
    private static final int LONGEST_V1 = 107;

    /** Some proxies put certificates into TLVs; the length field alone would allow 64 KiB of memory to any peer. */
    static final int LONGEST_V2 = 4096;

    private static final byte[] V1_SIGNATURE = "PROXY ".getBytes(ISO_8859_1);
    private static final byte[] V2_SIGNATURE = "\r\n\r\n\0\r\nQUIT\n".getBytes(ISO_8859_1);
    private static final int V2_FIXED = 16;

    private static final int LOCAL = 0;
    private static final int PROXY = 1;
    private static final int CRC32C = 0x03;
    private static final int NOOP = 0x04;
    private static final int UNIX_PATH_BYTES = 108;

    private static final Pattern NUMBER = Pattern.compile("0|[1-9]\\d{0,4}");
    private static final Pattern IPV4 = Pattern.compile("(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(?:\\.(?!$)|$)){4}");
    private static final Pattern IPV6 = Pattern.compile("(?=.*:)[0-9a-fA-F:]+(?:(?<=:)\\d+(?:\\.\\d+){3})?");
    private static final Pattern LONG_GROUP = Pattern.compile("[0-9a-fA-F]{5,}");

    // What stands where a header names no address.
    private final SocketAddress peer;
    private final SocketAddress local;

    ProxyHeaderParser(SocketAddress peer, SocketAddress local) {
        this.peer = peer;
        this.local = local;
    }

    /** Whether the bytes, at least one, may be the beginning of a header. */
    static boolean mayBegin(ByteBuffer bytes) {
        return isPrefix(bytes, V1_SIGNATURE) || isPrefix(bytes, V2_SIGNATURE);
    }

    private static boolean isPrefix(ByteBuffer bytes, byte[] signature) {
        int n = Math.min(bytes.remaining(), signature.length);
        return bytes.slice(bytes.position(), n).equals(ByteBuffer.wrap(signature, 0, n));
    }

    /**
     * Reads a header and moves the position past it.
     *
     * @return null, and the position as it was, when the header is not complete
     */
    @Nullable
    ProxyHeader parse(ByteBuffer bytes) throws ProxyHeaderException {
        if (isPrefix(bytes, V1_SIGNATURE)) {
            return parseV1(bytes);
        }
        if (isPrefix(bytes, V2_SIGNATURE)) {
            return parseV2(bytes);
        }
        throw new ProxyHeaderException("neither signature");
    }

    // ---- Version 1: a line ----

    @Nullable
    private ProxyHeader parseV1(ByteBuffer bytes) throws ProxyHeaderException {
        int start = bytes.position();
        int most = Math.min(bytes.remaining(), LONGEST_V1);
        for (int i = 0; i + 1 < most; i++) {
            if (bytes.get(start + i) == '\r' && bytes.get(start + i + 1) == '\n') {
                byte[] line = new byte[i];
                bytes.get(line);
                bytes.position(start + i + 2);
                return parseLine(new String(line, ISO_8859_1));
            }
        }
        if (most == LONGEST_V1) {
            throw new ProxyHeaderException("version 1 and no CRLF within " + LONGEST_V1 + " bytes");
        }
        return null;
    }

    private ProxyHeader parseLine(String line) throws ProxyHeaderException {
        if (line.equals("PROXY UNKNOWN") || line.startsWith("PROXY UNKNOWN ")) {
            return notRelayed(1, List.of()); // "the receiver must ignore anything presented before the CRLF"
        }
        String[] fields = line.split(" ", -1);
        boolean isIpv4 = fields.length == 6 && fields[1].equals("TCP4");
        boolean isIpv6 = fields.length == 6 && fields[1].equals("TCP6");
        if (!isIpv4 && !isIpv6) {
            throw new ProxyHeaderException("version 1 and not \"PROXY TCP4|TCP6 source destination port port\"");
        }
        return new ProxyHeader(
                1,
                true,
                new InetSocketAddress(address(fields[2], isIpv4), port(fields[4])),
                new InetSocketAddress(address(fields[3], isIpv4), port(fields[5])),
                List.of());
    }

    private static InetAddress address(String text, boolean isIpv4) throws ProxyHeaderException {
        boolean isOne = isIpv4
                ? IPV4.matcher(text).matches()
                : IPV6.matcher(text).matches() && !LONG_GROUP.matcher(text).find();
        if (isOne) {
            try {
                return InetAddress.getByName(text);
            } catch (UnknownHostException noAddress) {
                isOne = false;
            }
        }
        throw new ProxyHeaderException("version 1 and an address that is none");
    }

    private static int port(String text) throws ProxyHeaderException {
        if (!NUMBER.matcher(text).matches() || Integer.parseInt(text) > 65_535) {
            throw new ProxyHeaderException("version 1 and a port that is none");
        }
        return Integer.parseInt(text);
    }

    // ---- Version 2: binary ----

    @Nullable
    private ProxyHeader parseV2(ByteBuffer bytes) throws ProxyHeaderException {
        int start = bytes.position();
        if (bytes.remaining() > V2_SIGNATURE.length) {
            int command = bytes.get(start + V2_SIGNATURE.length) & 0xff;
            if (command >> 4 != 2 || (command & 0xf) > PROXY) {
                throw new ProxyHeaderException("version 2 and an unknown version or command: " + command);
            }
        }
        if (bytes.remaining() < V2_FIXED) {
            return null;
        }
        int length = V2_FIXED + (bytes.getShort(start + 14) & 0xffff);
        if (length > LONGEST_V2) {
            throw new ProxyHeaderException("version 2 and too long: bytes=" + length + " > " + LONGEST_V2);
        }
        if (bytes.remaining() < length) {
            return null;
        }
        ByteBuffer header = bytes.slice(start, length);
        ProxyHeader parsed = (header.get(12) & 0xf) == LOCAL ? notRelayed(2, List.of()) : parseRelayed(header);
        bytes.position(start + length);
        return parsed;
    }

    private ProxyHeader parseRelayed(ByteBuffer header) throws ProxyHeaderException {
        int family = header.get(13) & 0xff;
        int addressBytes = addressBytes(family);
        if (header.limit() < V2_FIXED + addressBytes) {
            throw new ProxyHeaderException("version 2 and shorter than its addresses");
        }
        List<Tlv> tlvs = parseTlvs(header, V2_FIXED + addressBytes);
        header.position(V2_FIXED);
        return switch (family >> 4) {
            case 1 -> parseInet(header, 4, tlvs);
            case 2 -> parseInet(header, 16, tlvs);
            case 3 -> new ProxyHeader(2, true, unixAddress(header), unixAddress(header), tlvs);
            default -> notRelayed(2, tlvs);
        };
    }

    private static int addressBytes(int family) throws ProxyHeaderException {
        return switch (family) {
            case 0x00 -> 0;
            case 0x11, 0x12 -> 2 * 4 + 2 * 2;
            case 0x21, 0x22 -> 2 * 16 + 2 * 2;
            case 0x31, 0x32 -> 2 * UNIX_PATH_BYTES;
            default -> throw new ProxyHeaderException("version 2 and an unknown family or protocol: " + family);
        };
    }

    private static ProxyHeader parseInet(ByteBuffer header, int bytes, List<Tlv> tlvs) {
        InetAddress source = inetAddress(header, bytes);
        InetAddress destination = inetAddress(header, bytes);
        return new ProxyHeader(
                2,
                true,
                new InetSocketAddress(source, header.getShort() & 0xffff),
                new InetSocketAddress(destination, header.getShort() & 0xffff),
                tlvs);
    }

    private static InetAddress inetAddress(ByteBuffer header, int bytes) {
        byte[] address = new byte[bytes];
        header.get(address);
        try {
            return InetAddress.getByAddress(address);
        } catch (UnknownHostException impossible) {
            throw new AssertionError("4 and 16 bytes are an address", impossible);
        }
    }

    /** Up to the first NUL; empty for the names that Linux calls abstract, which begin with one. */
    private static SocketAddress unixAddress(ByteBuffer header) throws ProxyHeaderException {
        byte[] path = new byte[UNIX_PATH_BYTES];
        header.get(path);
        int end = 0;
        while (end < path.length && path[end] != 0) {
            end++;
        }
        try {
            return UnixDomainSocketAddress.of(new String(path, 0, end, ISO_8859_1));
        } catch (InvalidPathException noPath) {
            throw new ProxyHeaderException("version 2 and a path that is none");
        }
    }

    private static List<Tlv> parseTlvs(ByteBuffer header, int start) throws ProxyHeaderException {
        List<Tlv> tlvs = new ArrayList<>();
        int end = header.limit();
        for (int at = start; at < end; ) {
            int length = end - at < 3 ? end : header.getShort(at + 1) & 0xffff;
            if (length > end - at - 3) {
                throw new ProxyHeaderException("version 2 and a TLV that is longer than the header");
            }
            int type = header.get(at) & 0xff;
            at += 3;
            if (type == CRC32C) {
                verifyChecksum(header, at, length);
            }
            if (type != NOOP) {
                byte[] value = new byte[length];
                header.get(at, value);
                tlvs.add(new Tlv(type, ByteBuffer.wrap(value)));
            }
            at += length;
        }
        return tlvs;
    }

    /** Of the whole header, with zeros in place of the checksum. */
    private static void verifyChecksum(ByteBuffer header, int at, int length) throws ProxyHeaderException {
        if (length != 4) {
            throw new ProxyHeaderException("version 2 and a checksum that is none");
        }
        CRC32C checksum = new CRC32C();
        checksum.update(header.slice(0, at));
        checksum.update(new byte[length]);
        checksum.update(header.slice(at + length, header.limit() - at - length));
        if ((int) checksum.getValue() != header.getInt(at)) {
            throw new ProxyHeaderException("version 2 and a wrong checksum");
        }
    }

    private ProxyHeader notRelayed(int version, List<Tlv> tlvs) {
        return new ProxyHeader(version, false, peer, local, tlvs);
    }
}
