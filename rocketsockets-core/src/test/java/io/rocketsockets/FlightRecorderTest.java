package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events of the JDK's flight recorder. */
class FlightRecorderTest extends EngineContract {
    @TempDir
    private Path folder;

    @Override
    public String engine() {
        return "nio";
    }

    @Test
    @WithoutBystander(WithoutBystander.IT_COUNTS)
    void aRecordingShowsWhatHappens() throws Exception {
        CompletableFuture<Void> release = new CompletableFuture<>();
        String id;
        List<RecordedEvent> events;
        try (Recording recording = new Recording()) {
            recording.start();
            TestServer server = server(x ->
                            x.eventLoops(2).stallLimit(Duration.ofMillis(50)).maxConnectionsPerAddress(1))
                    .start(socket -> {
                        socket.startReading();
                        return bytes -> {
                            if (bytes.get(0) == 'w') {
                                socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
                            } else {
                                release.join();
                            }
                        };
                    });
            Client client = server.connect();
            Ledger.Book book = server.book(client);
            id = book.socket.id();
            server.connect();
            await().until(() -> !logs.take("connection refused").isEmpty());
            book.socket.moveTo(1);
            client.send("w");
            client.receiveBytes(MORE_THAN_THE_KERNEL_TAKES);
            client.send("stall");
            String stall = "by a callback of socket=" + id;
            // On a busy machine whatever was done before may have been told of too.
            await().until(() -> logs.take("is held up").stream()
                    .anyMatch(line -> line.contains("event loop 1 ") && line.contains(stall)));
            release.complete(null);
            client.close();
            book.awaitClosed();
            server.server.stop();
            recording.stop();
            Path file = folder.resolve("events.jfr");
            recording.dump(file);
            events = eventsOf(file);
        }
        String socket = id;
        assertThat(named(events, "SocketOpened"))
                .extracting(event -> tuple(
                        event.getString("socketId"),
                        event.getString("endpoint"),
                        event.getThread().getJavaName()))
                .containsExactly(tuple(socket, "test", "rocketsockets-loop-0"));
        assertThat(named(events, "SocketRefused"))
                .extracting(event -> event.getString("reason"))
                .containsExactly("LIMIT_ADDRESS");
        assertThat(named(events, "SocketMoved"))
                .extracting(
                        event -> tuple(event.getString("socketId"), event.getInt("fromLoop"), event.getInt("toLoop")))
                .containsExactly(tuple(socket, 0, 1));
        assertThat(named(events, "BackPressure"))
                .extracting(event -> event.getBoolean("on"))
                .startsWith(true, false);
        assertThat(named(events, "LoopStalled")).anySatisfy(event -> {
            assertThat(event.getInt("loop")).isOne();
            assertThat(event.getString("socketId")).isEqualTo(socket);
            assertThat(event.getDuration("soFar")).isGreaterThan(Duration.ofMillis(50));
        });
        assertThat(named(events, "SocketClosed"))
                .extracting(event -> tuple(
                        event.getString("socketId"),
                        event.getString("reason"),
                        event.getLong("bytesRead"),
                        event.getLong("bytesWritten"),
                        event.getString("remoteAddress").startsWith("/127.0.0.1:")))
                .containsExactly(tuple(socket, "PEER_CLOSED", 6L, (long) MORE_THAN_THE_KERNEL_TAKES, true));
    }

    private static List<RecordedEvent> eventsOf(Path file) throws Exception {
        List<RecordedEvent> events = new ArrayList<>();
        try (RecordingFile recorded = new RecordingFile(file)) {
            while (recorded.hasMoreEvents()) {
                events.add(recorded.readEvent());
            }
        }
        return events;
    }

    private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
        return events.stream()
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .filter(event -> event.getEventType().getName().equals("io.rocketsockets." + name))
                .toList();
    }

    @Test
    void withoutTheModuleOfTheRecorderAServerServes() throws Exception {
        try (ServerProcess server = new ServerProcess(
                        List.of(),
                        List.of("--limit-modules", "java.base,java.logging,java.xml,java.naming"),
                        "nio",
                        ServerProcess.Behaviour.ECHO);
                Client client = new Client(server.address())) {
            assertThat(client.exchange("x")).isEqualTo("x");
        }
    }
}
