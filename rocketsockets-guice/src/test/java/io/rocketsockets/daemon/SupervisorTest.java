package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What it tells is in {@code DaemonProcessTest}: the environment of a process cannot be changed from inside. */
class SupervisorTest {
    private static Supervisor of(Map<String, String> environment) {
        return new Supervisor(environment, 7);
    }

    @Test
    void whereNobodyListensNothingHappens() {
        Supervisor nobody = of(Map.of("WATCHDOG_USEC", "1000000"));
        assertThat(nobody.watchdog()).isEmpty();
        nobody.ready("running");
        nobody.alive();
    }

    @Test
    void aWatchdogForThisProcessIsHeeded() {
        assertThat(of(Map.of("NOTIFY_SOCKET", "/x", "WATCHDOG_USEC", "1500000")).watchdog())
                .contains(Duration.ofMillis(1500));
        assertThat(of(Map.of("NOTIFY_SOCKET", "/x", "WATCHDOG_USEC", "1500000", "WATCHDOG_PID", "7"))
                        .watchdog())
                .isPresent();
    }

    @Test
    void aWatchdogForAnotherProcessIsNot() {
        assertThat(of(Map.of("NOTIFY_SOCKET", "/x", "WATCHDOG_USEC", "1500000", "WATCHDOG_PID", "8"))
                        .watchdog())
                .isEmpty();
    }
}
