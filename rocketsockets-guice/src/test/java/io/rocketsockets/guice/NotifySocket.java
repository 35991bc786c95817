package io.rocketsockets.guice;

import static org.awaitility.Awaitility.await;

import io.rocketsockets.daemon.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;

/**
 * systemd's end of {@code sd_notify(3)}: collects what it is told. In Python, since the JDK has no such sockets, and socat
 * keeps the descriptor by whose closing systemd-notify knows that it was heard.
 */
final class NotifySocket implements AutoCloseable {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private static final String RECEIVER = """
            import socket, sys
            told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            told.bind(sys.argv[1])
            while True:
                print(told.recv(4096).decode(), flush=True)
            """;

    private final Path socket;
    private final Path told;
    private final Process receiver;

    static void assume() {
        Tool.assume("systemd-notify");
        Tool.assume("python3");
    }

    NotifySocket(Path folder) throws IOException {
        socket = folder.resolve("notify");
        told = folder.resolve("told");
        receiver = new ProcessBuilder("python3", "-c", RECEIVER, socket.toString())
                .redirectOutput(told.toFile())
                .start();
        await().atMost(DEADLINE).until(() -> Files.exists(socket));
    }

    /** The value of {@code NOTIFY_SOCKET}. */
    String name() {
        return socket.toString();
    }

    /** Everything so far. */
    String told() throws IOException {
        return Files.readString(told);
    }

    long count(String variable) throws IOException {
        return Pattern.compile(variable, Pattern.LITERAL)
                .matcher(told())
                .results()
                .count();
    }

    /** Returns when these have been told in this order, whatever else has. */
    void awaitTold(String... variables) {
        await().atMost(DEADLINE).until(() -> {
            String all = told();
            int from = 0;
            for (String variable : variables) {
                int at = all.indexOf(variable, from);
                if (at < 0) {
                    return false;
                }
                from = at + variable.length();
            }
            return true;
        });
    }

    /** Returns when a variable has not been told for so long. */
    void awaitSilence(String variable, Duration silence) {
        long[] last = {0, System.nanoTime()};
        await().atMost(DEADLINE).until(() -> {
            long count = count(variable);
            if (count != last[0]) {
                last[0] = count;
                last[1] = System.nanoTime();
            }
            return System.nanoTime() - last[1] > silence.toNanos();
        });
    }

    @Override
    public void close() {
        receiver.destroy();
    }
}
