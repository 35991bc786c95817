package io.rocketsockets;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.mockito.Mockito;

class HexDumpTest {
    private final SocketHandle socket = Mockito.mock(SocketHandle.class);
    private final List<String> texts = new ArrayList<>();

    private void dump(WireTap.Direction direction, ByteBuffer bytes) {
        Mockito.when(socket.id()).thenReturn("k3");
        WireTap.hexDump(texts::add).onBytes(socket, direction, Instant.parse("2026-11-25T03:04:05.678Z"), bytes);
    }

    @Test
    void sixteenBytesMakeALine() {
        dump(WireTap.Direction.IN, ByteBuffer.wrap("GET / HTTP/1.1\r\n\u0000\u007f\u00ff~".getBytes(ISO_8859_1)));
        assertThat(texts).containsExactly("""
                2026-11-25T03:04:05.678Z socket=k3 in bytes=20
                00000000   47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|
                00000010   00 7f ff 7e                                       |...~|""");
    }

    @Test
    void whatIsShownIsFromPositionToLimit() {
        ByteBuffer bytes =
                ByteBuffer.wrap("abcdef".getBytes(ISO_8859_1)).position(2).limit(4);
        dump(WireTap.Direction.OUT, bytes);
        assertThat(texts).containsExactly("""
                2026-11-25T03:04:05.678Z socket=k3 out bytes=2
                00000000   63 64                                             |cd|""");
        assertThat(bytes.remaining()).isEqualTo(2);
    }
}
