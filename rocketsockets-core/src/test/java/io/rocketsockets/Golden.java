package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Messages as files, so that every change of a message is a diff that somebody reads. */
final class Golden {
    private static final Path MESSAGES =
            Path.of(System.getProperty("basedir", "")).resolve("src/test/resources/messages");

    private Golden() {}

    static void assertMessage(String name, String actual) throws IOException {
        Path file = MESSAGES.resolve(name + ".txt");
        if (System.getProperty("updateMessages") != null) {
            Files.writeString(file, actual + "\n");
        }
        String expected = Files.exists(file) ? Files.readString(file) : "";
        assertThat(actual + "\n")
                .as("message %s; to accept it: mvn -pl rocketsockets-core test -DupdateMessages", file.getFileName())
                .isEqualTo(expected);
    }
}
