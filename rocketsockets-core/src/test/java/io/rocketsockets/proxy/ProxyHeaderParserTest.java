package io.rocketsockets.proxy;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Group L: what is a PROXY header, and what is none. */
class ProxyHeaderParserTest {
    private static final SocketAddress PEER = new InetSocketAddress("127.0.0.9", 9);
    private static final SocketAddress LOCAL = new InetSocketAddress("127.0.0.8", 8);
    private static final String SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
    private static final String IPV4_ADDRESSES = "\1\2\3\4\5\6\7\10" + "\0\u0050\u0001\u00bb";

    private static @Nullable ProxyHeader parse(String bytes) throws ProxyHeaderException {
        return parse(ByteBuffer.wrap(bytes.getBytes(ISO_8859_1)));
    }

    private static @Nullable ProxyHeader parse(ByteBuffer bytes) throws ProxyHeaderException {
        return new ProxyHeaderParser(PEER, LOCAL).parse(bytes);
    }

    private static String v2(int command, int family, String rest) {
        return SIGNATURE
                + (char) command
                + (char) family
                + (char) (rest.length() >> 8)
                + (char) (rest.length() & 0xff)
                + rest;
    }

    private static String tlv(int type, String value) {
        return "" + (char) type + (char) (value.length() >> 8) + (char) (value.length() & 0xff) + value;
    }

    private static void isNone(String bytes) {
        assertThatThrownBy(() -> parse(bytes)).isInstanceOf(ProxyHeaderException.class);
    }

    @Test
    void v1TellsBothAddresses() throws Exception {
        ByteBuffer stream =
                ByteBuffer.wrap("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET /".getBytes(ISO_8859_1));
        assertThat(parse(stream))
                .isEqualTo(new ProxyHeader(
                        1,
                        true,
                        new InetSocketAddress("192.0.2.1", 56324),
                        new InetSocketAddress("198.51.100.7", 443),
                        List.of()));
        assertThat(ISO_8859_1.decode(stream).toString()).isEqualTo("GET /");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2001:db8::1", "::", "::ffff:192.0.2.1", "FE80:0:0:0:1:2:3:4"})
    void v1TellsIpv6(String address) throws Exception {
        assertThat(parse("PROXY TCP6 " + address + " ::1 0 65535\r\n").source())
                .isEqualTo(new InetSocketAddress(address, 0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\n",
                "PROXY TCP4 1.2.3.4\r5.6.7.8 1 2\r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 \u00b2\r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
                "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
                "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
                "PROXY \r\n",
                "PROXY UNKNOWNX\r\n",
                "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                "PROXYTCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                "GET / HTTP/1.1\r\n",
            })
    void l1_aBrokenLineIsNoHeader(String line) {
        if (line.indexOf("\r\n") < 0) {
            isNone(line + "x".repeat(107));
        } else {
            isNone(line);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "TCP4 1.2.3.4 5.6.7.8 01 2",
                "TCP4 1.2.3.4 5.6.7.8 00 2",
                "TCP4 1.2.3.4 5.6.7.8 65536 2",
                "TCP4 1.2.3.4 5.6.7.8 100000 2",
                "TCP4 1.2.3.4 5.6.7.8 -1 2",
                "TCP4 1.2.3.4 5.6.7.8 +1 2",
                "TCP4 1.2.3.4 5.6.7.8 1 \u0661",
                "TCP4 1.2.3.256 5.6.7.8 1 2",
                "TCP4 01.2.3.4 5.6.7.8 1 2",
                "TCP4 1.2.3 5.6.7.8 1 2",
                "TCP4 1.2.3.4. 5.6.7.8 1 2",
                "TCP4 localhost 5.6.7.8 1 2",
                "TCP4 ::1 ::1 1 2",
                "TCP6 1.2.3.4 5.6.7.8 1 2",
                "TCP6 fe80::1%lo ::1 1 2",
                "TCP6 [::1] ::1 1 2",
                "TCP6 1::2::3 ::1 1 2",
                "TCP6 00001::1 ::1 1 2",
                "TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2",
                "TCP6 abcd ::1 1 2",
            })
    void l2_aBrokenPortOrAddressIsNoHeader(String rest) {
        isNone("PROXY " + rest + "\r\n");
    }

    @Test
    void l3_aLineIsAtMost107BytesAndIncompleteUntilItsEnd() throws Exception {
        String longest = "PROXY UNKNOWN " + "f".repeat(107 - 14 - 2) + "\r\n";
        assertThat(parse(longest)).isNotNull();
        isNone("PROXY UNKNOWN " + "f".repeat(107 - 14 - 1) + "\r\n");
        for (int end = 1; end < longest.length(); end++) {
            assertThat(parse(longest.substring(0, end))).as("%s bytes", end).isNull();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", " \0\u00ff\r \n", " TCP4 1.2.3.4 5.6.7.8 1 2"})
    void l4_unknownIgnoresWhatFollows(String junk) throws Exception {
        assertThat(parse("PROXY UNKNOWN" + junk + "\r\n")).isEqualTo(new ProxyHeader(1, false, PEER, LOCAL, List.of()));
    }

    static IntStream signatureBytes() {
        return IntStream.range(0, SIGNATURE.length());
    }

    @ParameterizedTest
    @MethodSource("signatureBytes")
    void l5_aSignatureThatIsWrongAnywhereIsNoHeader(int at) {
        StringBuilder header = new StringBuilder(v2(0x21, 0x11, IPV4_ADDRESSES));
        header.setCharAt(at, (char) (header.charAt(at) ^ 1));
        isNone(header.toString());
        isNone(header.substring(0, at + 1));
    }

    @Test
    void l5_onlyTheVersionsCommandsAndFamiliesOfTheSpecificationAre() throws Exception {
        for (int value = 0; value < 256; value++) {
            String header = v2(value, 0x11, IPV4_ADDRESSES);
            if (value == 0x20 || value == 0x21) {
                assertThat(parse(header)).isNotNull();
            } else {
                isNone(header);
                isNone(header.substring(0, 13));
            }
            String family = v2(0x21, value, "\0".repeat(216));
            if (value == 0 || (value >> 4 >= 1 && value >> 4 <= 3 && ((value & 15) == 1 || (value & 15) == 2))) {
                assertThat(parse(family)).isNotNull();
            } else {
                isNone(family);
            }
        }
    }

    @Test
    void l6_aLengthIsAtLeastThatOfItsAddressesAndAtMost4096() throws Exception {
        for (int length = 0; length < 12; length++) {
            isNone(v2(0x21, 0x11, IPV4_ADDRESSES.substring(0, length)));
        }
        isNone(v2(0x21, 0x21, "\0".repeat(35)));
        isNone(v2(0x21, 0x31, "\0".repeat(215)));
        isNone(v2(0x21, 0x11, "\0".repeat(65535)).substring(0, 16)); // before a byte of it has come
        assertThat(parse(v2(0x21, 0x11, IPV4_ADDRESSES + tlv(4, "\0".repeat(4096 - 16 - 12 - 3)))))
                .isNotNull();
        isNone(v2(0x21, 0x11, IPV4_ADDRESSES + tlv(4, "\0".repeat(4096 - 16 - 12 - 2))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\1\2\3\4\5\6\7\10\0\1\0\2", "junk"})
    void l7_localLeavesTheSocketsOwnAddresses(String block) throws Exception {
        for (int family : new int[] {0x00, 0x11, 0x21, 0xff}) {
            assertThat(parse(v2(0x20, family, block))).isEqualTo(new ProxyHeader(2, false, PEER, LOCAL, List.of()));
        }
    }

    @Test
    void l8_everyFamilyIsReadWhateverThisHostSupports() throws Exception {
        assertThat(parse(v2(0x21, 0x11, IPV4_ADDRESSES)).source()).isEqualTo(new InetSocketAddress("1.2.3.4", 80));
        assertThat(parse(v2(0x21, 0x11, IPV4_ADDRESSES)).destination())
                .isEqualTo(new InetSocketAddress("5.6.7.8", 443));
        assertThat(parse(v2(0x21, 0x21, "\u0020\1\r\u00b8" + "\0".repeat(11) + "\1" + "\0".repeat(16) + "\0\1\0\2"))
                        .source())
                .isEqualTo(new InetSocketAddress("2001:db8::1", 1));
        assertThat(parse(v2(0x21, 0x31, "/run/a.sock" + "\0".repeat(205))).source())
                .isEqualTo(UnixDomainSocketAddress.of("/run/a.sock"));
        assertThat(parse(v2(0x21, 0x31, "\0abstract" + "\0".repeat(207))).source())
                .isEqualTo(UnixDomainSocketAddress.of(""));
        assertThat(parse(v2(0x21, 0x00, tlv(2, "a"))).source()).isEqualTo(PEER);
    }

    @Test
    void l9_aTlvThatIsLongerThanTheHeaderIsNoHeader() {
        for (String broken : new String[] {"\1", "\1\0", "\1\0\1", "\1\u00ff\u00ffx", tlv(1, "h2") + "\2\0\2a"}) {
            isNone(v2(0x21, 0x11, IPV4_ADDRESSES + broken));
        }
    }

    @Test
    void l9_tlvsAreToldAndTextThatIsNoneDoesNotThrow() throws Exception {
        ProxyHeader header = parse(v2(
                0x21,
                0x11,
                IPV4_ADDRESSES + tlv(ProxyHeader.AUTHORITY, "a.example") + tlv(4, "noop") + tlv(0xe0, "\u00ff\u00fe")));
        assertThat(header.tlvs()).hasSize(2);
        assertThat(header.tlv(ProxyHeader.AUTHORITY).orElseThrow().text()).isEqualTo("a.example");
        assertThat(header.tlv(0xe0).orElseThrow().text()).isEqualTo("\ufffd\ufffd");
    }

    @Test
    void l9_aWrongChecksumIsNoHeader() throws Exception {
        String header = v2(0x21, 0x11, IPV4_ADDRESSES + tlv(3, "\0\0\0\0") + tlv(2, "a"));
        CRC32C checksum = new CRC32C();
        checksum.update(header.getBytes(ISO_8859_1));
        ByteBuffer right = ByteBuffer.wrap(header.getBytes(ISO_8859_1));
        right.putInt(16 + 12 + 3, (int) checksum.getValue());
        assertThat(parse(right.duplicate())).isNotNull();
        for (int bit = 0; bit < 32; bit++) {
            ByteBuffer wrong = ByteBuffer.wrap(right.array().clone());
            wrong.putInt(16 + 12 + 3, (int) checksum.getValue() ^ 1 << bit);
            assertThatThrownBy(() -> parse(wrong)).isInstanceOf(ProxyHeaderException.class);
        }
        isNone(v2(0x21, 0x11, IPV4_ADDRESSES + tlv(3, "\0\0\0")));
    }

    @Test
    void l10_aSecondHeaderIsPayload() throws Exception {
        String first = v2(0x21, 0x11, IPV4_ADDRESSES);
        ByteBuffer stream = ByteBuffer.wrap((first + first).getBytes(ISO_8859_1));
        parse(stream);
        assertThat(stream.position()).isEqualTo(first.length());
    }

    @Test
    void l11_everyPrefixOfAHeaderIsIncompleteAndMovesNothing() throws Exception {
        for (String header : new String[] {
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", v2(0x21, 0x11, IPV4_ADDRESSES + tlv(1, "h2")), v2(0x20, 0, "")
        }) {
            for (int end = 1; end < header.length(); end++) {
                ByteBuffer prefix = ByteBuffer.wrap(header.substring(0, end).getBytes(ISO_8859_1));
                assertThat(parse(prefix)).as("%s bytes", end).isNull();
                assertThat(prefix.position()).isZero();
            }
        }
    }

    @Test
    void anyBytesAreAHeaderOrNoneAndNothingElse() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        String whole = v2(0x21, 0x11, IPV4_ADDRESSES + tlv(1, "h2") + tlv(2, "a"));
        for (int i = 0; i < 100_000; i++) {
            byte[] bytes = whole.getBytes(ISO_8859_1);
            for (int n = random.nextInt(4); n >= 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                parse(ByteBuffer.wrap(bytes, 0, 1 + random.nextInt(bytes.length)));
            } catch (ProxyHeaderException none) {
                assertThat(none).hasMessageContaining(" ");
            } catch (RuntimeException fault) {
                throw new AssertionError("seed=" + seed, fault);
            }
        }
    }

    @Test
    void networksContainTheirAddressesOnly() throws Exception {
        for (String[] row : new String[][] {
            {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
            {"10.1.2.128/25", "10.1.2.255", "10.1.2.127"},
            {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
            {"0.0.0.0/0", "1.2.3.4", "::1"},
            {"fd00::/8", "fdff::1", "fe00::1"},
            {"::1", "::1", "127.0.0.1"},
        }) {
            AddressRange range = AddressRange.of(row[0]);
            assertThat(range.contains(InetAddress.getByName(row[1]))).as(row[0]).isTrue();
            assertThat(range.contains(InetAddress.getByName(row[2]))).as(row[0]).isFalse();
        }
        assertThat(ProxyProtocol.requiredFrom("10.0.0.0/33", "a.example", "::1/x", "1.2.3.4/-1")
                        .errors())
                .hasSize(4);
        assertThat(ProxyProtocol.requiredFrom().errors()).hasSize(1);
        assertThat(ProxyProtocol.OFF.errors()).isEmpty();
    }
}
