package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Messages as files, so that every change of a message is a diff that somebody reads. */
final class Golden {
    private static final Path MESSAGES =
            Path.of(System.getProperty("basedir", "")).resolve("src/test/resources/messages");

    private Golden() {}

    static void assertMessage(String name, String actual) throws IOException {
        if (System.getProperty("updateMessages") != null) {
            Files.writeString(MESSAGES.resolve(name + ".txt"), actual + "\n");
        } else {
            assertThat(actual + "\n")
                    .as("message %s; to accept it: mvn -pl rocketsockets-core test -DupdateMessages", name)
                    .isEqualTo(expected(name));
        }
    }

    /** From the class path, since the contracts run in other modules too. */
    private static String expected(String name) throws IOException {
        try (InputStream file = Golden.class.getResourceAsStream("/messages/" + name + ".txt")) {
            return file == null ? "" : new String(file.readAllBytes(), UTF_8);
        }
    }
}
