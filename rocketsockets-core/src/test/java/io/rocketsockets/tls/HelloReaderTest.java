package io.rocketsockets.tls;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HelloReaderTest {
    private static final int HEADER = 5;

    /** A hello that asks for {@code server.test}, in one record, as the JDK sends it. */
    private static byte[] hello;

    @BeforeAll
    static void makeHello() throws Exception {
        SSLEngine engine = SSLContext.getDefault().createSSLEngine();
        engine.setUseClientMode(true);
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName("server.test")));
        engine.setSSLParameters(parameters);
        ByteBuffer record = ByteBuffer.allocate(20_000);
        engine.wrap(ByteBuffer.allocate(0), record);
        hello = Arrays.copyOf(record.array(), record.position());
    }

    /** The same message in records of these sizes. */
    private static byte[] cut(byte[] message, IntUnaryOperator sizeAt) {
        ByteArrayOutputStream records = new ByteArrayOutputStream();
        for (int at = 0; at < message.length; ) {
            int size = Math.min(sizeAt.applyAsInt(at), message.length - at);
            records.writeBytes(new byte[] {22, 3, 3, (byte) (size >> 8), (byte) size});
            records.write(message, at, size);
            at += size;
        }
        return records.toByteArray();
    }

    private static byte[] message() {
        return Arrays.copyOfRange(hello, HEADER, hello.length);
    }

    /** A hello of that length: its session id and its extension are longer than anybody needs. */
    private static byte[] longMessage(int length) {
        int padding = length - 4 - 2 - 32 - 1 - 4 - 2 - 2 - 4;
        ByteBuffer message = ByteBuffer.allocate(length);
        message.put((byte) 1).put((byte) (length - 4 >> 16)).putShort((short) (length - 4));
        message.putShort((short) 0x0303).put(new byte[32]).put((byte) 0);
        message.putShort((short) 2).putShort((short) 0x1301).put((byte) 1).put((byte) 0);
        message.putShort((short) (padding + 4)).putShort((short) 21).putShort((short) padding);
        return message.array();
    }

    private static AbstractThrowableAssert<?, ?> refuses(byte[] bytes) {
        return assertThatThrownBy(() -> new HelloReader().take(ByteBuffer.wrap(bytes)))
                .isInstanceOf(HelloException.class);
    }

    private static int alert(Throwable refused) {
        return ((HelloException) refused).alert();
    }

    @Test
    void aHelloIsReadAndGivenBackAsItCame() throws Exception {
        HelloReader reader = new HelloReader();
        assertThat(reader.hasBegun()).isFalse();
        assertThat(reader.take(ByteBuffer.wrap(hello))).isTrue();
        assertThat(reader.hasBegun()).isTrue();
        assertThat(reader.serverName()).isEqualTo("server.test");
        assertThat(reader.records()).isEqualTo(ByteBuffer.wrap(hello));
    }

    @Test
    void whatStandsBehindTheHelloIsLeft() throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate(hello.length + 3).put(hello).put(new byte[] {1, 2, 3});
        assertThat(new HelloReader().take(bytes.flip())).isTrue();
        assertThat(bytes.remaining()).isEqualTo(3);
    }

    /** Records and segments are cut independently. */
    @Test
    void aHelloCutAnywhereIsTheSame() throws Exception {
        for (int at = 1; at < message().length; at++) {
            int size = at;
            byte[] records = cut(message(), from -> from == 0 ? size : 16_384);
            for (int segment : List.of(1, 3, records.length)) {
                HelloReader reader = new HelloReader();
                boolean isComplete = false;
                for (int from = 0; from < records.length; from += segment) {
                    assertThat(isComplete)
                            .as("cut at %s, complete at %s", at, from)
                            .isFalse();
                    isComplete = reader.take(ByteBuffer.wrap(records, from, Math.min(segment, records.length - from)));
                }
                assertThat(isComplete).as("cut at %s", at).isTrue();
                assertThat(reader.serverName()).isEqualTo("server.test");
                assertThat(reader.records()).isEqualTo(ByteBuffer.wrap(hello));
            }
        }
    }

    @Test
    @Timeout(5)
    void k4_theLongestHelloInRecordsOfOneByteTakesLinearTime() throws Exception {
        byte[] records = cut(longMessage(HelloReader.LONGEST), at -> 1);
        long began = System.nanoTime();
        HelloReader reader = new HelloReader();
        for (int i = 0; i < records.length - 1; i++) {
            assertThat(reader.take(ByteBuffer.wrap(records, i, 1))).isFalse();
        }
        assertThat(reader.take(ByteBuffer.wrap(records, records.length - 1, 1))).isTrue();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(2));
        assertThat(reader.records().remaining()).isEqualTo(HelloReader.LONGEST + 4 * HEADER);
    }

    @Test
    void k5_aHelloThatPromisesTooMuchIsRefusedBeforeItComes() {
        refuses(new byte[] {22, 3, 1, 64, 0, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff})
                .hasMessageContaining("16777219 bytes > 65536")
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.DECODE_ERROR));
        refuses(cut(longMessage(HelloReader.LONGEST + 1), at -> 16_384))
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.DECODE_ERROR));
    }

    @Test
    void recordsThatAreTooLongOrEmptyAreRefused() {
        refuses(new byte[] {22, 3, 1, 64, 1})
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.RECORD_OVERFLOW));
        refuses(new byte[] {22, 3, 1, 0, 0})
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.UNEXPECTED_MESSAGE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"G", "\u0016G", "\0", "\u0017\3\3", "\u0014\3\1"})
    void whatIsNoTlsIsRefusedWithoutAnAlert(String text) {
        refuses(text.getBytes(ISO_8859_1))
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.NO_ALERT));
    }

    @Test
    void k22_anAlertInsteadOfAHelloIsNotAnswered() {
        refuses(new byte[] {21, 3, 1, 0, 2, 1, 0})
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.NO_ALERT));
    }

    @Test
    void anotherMessageOrSomethingBetweenIsRefused() {
        refuses(new byte[] {22, 3, 1, 0, 1, 2})
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.UNEXPECTED_MESSAGE));
        byte[] two = cut(message(), at -> at == 0 ? 10 : 16_384);
        two[HEADER + 10] = 21; // an alert between two pieces of the hello
        refuses(two).satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.UNEXPECTED_MESSAGE));
        byte[] more = Arrays.copyOf(message(), message().length + 1);
        refuses(cut(more, at -> 16_384))
                .satisfies(refused -> assertThat(alert(refused)).isEqualTo(HelloException.UNEXPECTED_MESSAGE));
    }

    /** No length within a hello leads behind it. */
    @Test
    void k3_aHelloWhoseLengthsDoNotFitIsRefusedOrHasNoName() throws Exception {
        byte[] message = message();
        for (int i = 4; i < message.length; i++) {
            for (int value : List.of(0, 1, 0x7f, 0x80, 0xff)) {
                byte[] changed = message.clone();
                changed[i] = (byte) value;
                HelloReader reader = new HelloReader();
                assertThat(reader.take(ByteBuffer.wrap(cut(changed, at -> 16_384))))
                        .isTrue();
                try {
                    assertThat(reader.serverName()).hasSizeLessThan(message.length);
                } catch (HelloException refused) {
                    assertThat(refused.alert()).isEqualTo(HelloException.DECODE_ERROR);
                }
            }
        }
    }
}
