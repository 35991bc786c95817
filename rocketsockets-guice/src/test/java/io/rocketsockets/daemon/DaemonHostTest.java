package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** What can be seen from inside; signals and exit statuses are in {@code DaemonProcessTest}. */
class DaemonHostTest {
    private final List<String> journal = new CopyOnWriteArrayList<>();

    @Test
    void anInterruptStopsTheServicesAndRunReturns() throws Exception {
        DaemonConfiguration configuration = DaemonConfiguration.of(x -> x.name("example"));
        Thread owner = new Thread(() -> DaemonHost.run(
                configuration,
                () -> List.of(new ScriptedDaemon("first", journal), new ScriptedDaemon("second", journal))));
        owner.start();
        await().until(() -> journal.contains("start second"));
        owner.interrupt();
        owner.join();
        assertThat(journal).containsExactly("start first", "start second", "stop second", "stop first");
    }

    @Test
    void servicesAreNotMadeWhenTheCommandLineOnlyWantsAnAnswer() {
        DaemonHost.run(DaemonConfiguration.of(x -> x.args("--version")), () -> {
            throw new AssertionError("made");
        });
    }
}
