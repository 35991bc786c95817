package io.rocketsockets.messages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Messages as their reader sees them, kept in {@code src/test/resources/messages}. */
public final class Golden {
    private Golden() {}

    public static void assertMessage(String actual, String name) {
        assertThat(actual.strip()).as(name).isEqualTo(text(name).strip());
    }

    /** What Guice says, without its legend of class names, line numbers and versions of modules. */
    public static void assertGuiceMessage(String actual, String name) {
        String said = actual.replaceAll("(?s)\n=====.*", "")
                .replaceAll("\\.java:\\d+", ".java:LINE")
                .replaceAll("[\\w.]+@[\\w.-]+/", "");
        assertMessage(said, name);
    }

    private static String text(String name) {
        try (InputStream file = Golden.class.getResourceAsStream("/messages/" + name + ".txt")) {
            return new String(Objects.requireNonNull(file, name).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
