package io.rocketsockets;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;

/** A {@link WireTap} for people: as {@code hexdump -C} shows bytes. Nothing but printable ASCII comes through. */
final class HexDump implements WireTap {
    private static final int BYTES_PER_LINE = 16;
    private static final HexFormat HEX = HexFormat.of();

    private final Consumer<? super String> texts;

    HexDump(Consumer<? super String> texts) {
        this.texts = Objects.requireNonNull(texts, "texts");
    }

    @Override
    public void onBytes(SocketHandle socket, Direction direction, Instant time, ByteBuffer bytes) {
        int count = bytes.remaining();
        StringBuilder text = new StringBuilder(128 + count * 5);
        text.append(time).append(" socket=").append(socket.id());
        text.append(' ').append(direction.name().toLowerCase(Locale.ROOT)).append(" bytes=");
        text.append(count);
        for (int start = 0; start < count; start += BYTES_PER_LINE) {
            line(text, bytes, start, Math.min(BYTES_PER_LINE, count - start));
        }
        texts.accept(text.toString());
    }

    private static void line(StringBuilder text, ByteBuffer bytes, int start, int count) {
        text.append('\n').append(HEX.toHexDigits(start)).append(' ');
        for (int i = 0; i < BYTES_PER_LINE; i++) {
            text.append(i % 8 == 0 ? "  " : " ");
            text.append(i < count ? HEX.toHexDigits(byteAt(bytes, start + i)) : "  ");
        }
        text.append("  |");
        for (int i = 0; i < count; i++) {
            byte letter = byteAt(bytes, start + i);
            text.append(letter >= ' ' && letter <= '~' ? (char) letter : '.');
        }
        text.append('|');
    }

    private static byte byteAt(ByteBuffer bytes, int index) {
        return bytes.get(bytes.position() + index);
    }
}
