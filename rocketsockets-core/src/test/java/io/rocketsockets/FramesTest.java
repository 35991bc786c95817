package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.mockito.Mockito.lenient;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FramesTest {
    private final SocketHandle socket = mock(SocketHandle.class);
    private final List<String> messages = new ArrayList<>();
    private final Consumer<ByteBuffer> collect =
            bytes -> messages.add(US_ASCII.decode(bytes).toString());

    @BeforeEach
    void socketIsOpen() {
        lenient().when(socket.isOpen()).thenReturn(true);
        lenient().when(socket.id()).thenReturn("s1");
        lenient().when(socket.endpoint()).thenReturn("e1");
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(US_ASCII));
    }

    private static byte[] prefixed(int prefixBytes, String text) {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        for (int i = prefixBytes - 1; i >= 0; i--) {
            frame.write(text.length() >>> 8 * i);
        }
        frame.writeBytes(text.getBytes(US_ASCII));
        return frame.toByteArray();
    }

    @Test
    void linesOfOneReadAreCutAtLfAndCrLf() {
        Frames.lines(socket, 10, collect).onBytes(ascii("one\ntwo\r\n\n\r\nthr\ree\n"));
        assertThat(messages).containsExactly("one", "two", "", "", "thr\ree");
    }

    @Test
    void whatACallbackKeptIsEmptyAlsoWhenItHasThrown() {
        List<ByteBuffer> kept = new ArrayList<>();
        Frames frames = Frames.lines(socket, 10, line -> {
            kept.add(line);
            throw new IllegalStateException("thrown by the test");
        });
        assertThatThrownBy(() -> frames.onBytes(ascii("one\n"))).isInstanceOf(IllegalStateException.class);
        assertThat(kept.get(0).hasRemaining()).isFalse();
    }

    @Test
    void aLineMayComeByteByByte() {
        Frames frames = Frames.lines(socket, 10, collect);
        for (char c : "hello\r\nyou\n".toCharArray()) {
            frames.onBytes(ascii(String.valueOf(c)));
        }
        assertThat(messages).containsExactly("hello", "you");
    }

    @Test
    void withinALineThePeerOwesTheRest() {
        Frames frames = Frames.lines(socket, 10, collect);
        frames.onBytes(ascii("one\n"));
        verify(socket, never()).messageBegins();
        frames.onBytes(ascii("tw"));
        verify(socket).messageBegins();
        verify(socket, never()).messageEnds();
        frames.onBytes(ascii("o\n"));
        verify(socket).messageEnds();
    }

    @Test
    void aLineInOnePieceIsNotCopied() {
        ByteBuffer received = ByteBuffer.allocateDirect(8).put(ascii("ab\n")).flip();
        List<ByteBuffer> lines = new ArrayList<>();
        Frames.lines(socket, 10, line -> {
                    assertThat(line.isDirect()).isTrue();
                    lines.add(line);
                })
                .onBytes(received);
        assertThat(lines).hasSize(1);
        assertThat(lines.get(0).hasRemaining()).as("dead after the callback").isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"12345\n", "12345\r\n"})
    void theLongestLinePasses(String line) {
        Frames.lines(socket, 5, collect).onBytes(ascii(line));
        Frames slowly = Frames.lines(socket, 5, collect);
        for (char c : line.toCharArray()) {
            slowly.onBytes(ascii(String.valueOf(c)));
        }
        assertThat(messages).containsExactly("12345", "12345");
    }

    @ParameterizedTest
    @ValueSource(strings = {"123456\n", "123456", "12345\rx", "123456\r\n", "1234567890123\n"})
    void aLongerLineIsRefusedAfterTheOnesBeforeIt(String line) {
        assertThatThrownBy(() -> Frames.lines(socket, 5, collect).onBytes(ascii("ok\n" + line)))
                .isInstanceOf(FrameTooLargeException.class)
                .hasMessageContaining("socket=s1 endpoint=e1")
                .hasMessageContaining("> maxBytes=5;");
        assertThat(messages).containsExactly("ok");
    }

    @Test
    void aLineThatNeverEndsIsRefusedAsSoonAsItIsTooLong() {
        Frames frames = Frames.lines(socket, 5, collect);
        frames.onBytes(ascii("12345"));
        assertThatThrownBy(() -> frames.onBytes(ascii("6"))).isInstanceOf(FrameTooLargeException.class);
    }

    @Test
    void nothingIsDeliveredOnceTheSocketIsClosed() {
        Frames.lines(socket, 5, line -> {
                    collect.accept(line);
                    lenient().when(socket.isOpen()).thenReturn(false);
                })
                .onBytes(ascii("a\nb\n"));
        assertThat(messages).containsExactly("a");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void framesComeWholeHoweverTheStreamIsCut(int prefixBytes) {
        Random random = new Random(prefixBytes);
        List<String> sent = new ArrayList<>();
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (int i = 0; i < 2000; i++) {
            String message = "x".repeat(random.nextInt(256));
            sent.add(message);
            stream.writeBytes(prefixed(prefixBytes, message));
        }
        Frames frames = Frames.lengthPrefixed(socket, prefixBytes, 255, collect);
        byte[] bytes = stream.toByteArray();
        for (int i = 0; i < bytes.length; ) {
            int count = Math.min(bytes.length - i, random.nextInt(random.nextBoolean() ? 4 : 2000));
            frames.onBytes(ByteBuffer.wrap(bytes, i, count));
            i += count;
        }
        assertThat(messages).isEqualTo(sent);
    }

    @Test
    void aPrefixOverTheLimitIsRefusedBeforeAnythingIsAllocated() {
        Frames frames = Frames.lengthPrefixed(socket, 4, 1000, collect);
        assertThatThrownBy(() -> frames.onBytes(ByteBuffer.wrap(new byte[] {-1, -1, -1, -1})))
                .isInstanceOf(FrameTooLargeException.class)
                .hasMessageContaining("bytes=4294967295 > maxBytes=1000");
    }

    @Test
    void whatAPrefixPromisesIsNotAllocated() {
        Frames frames = Frames.lengthPrefixed(socket, 4, Integer.MAX_VALUE - 4, collect);
        frames.onBytes(ByteBuffer.wrap(new byte[] {0x7f, -1, -1, 0, 1}));
        assertThat(frames.partial).hasSizeLessThan(1024);
    }

    @Test
    void badArgumentsAreRefused() {
        assertThatThrownBy(() -> Frames.lines(socket, 0, collect)).hasMessageContaining("maxBytes=0 < 1");
        assertThatThrownBy(() -> Frames.lengthPrefixed(socket, 3, 1, collect))
                .hasMessageContaining("prefixBytes=3 is not one of 1, 2, 4");
        assertThatThrownBy(() -> Frames.lengthPrefixed(socket, 4, Integer.MAX_VALUE, collect))
                .hasMessageContaining("maxBytes=2147483647 >");
    }
}
