package io.rocketsockets.daemon;

import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd how the process is doing, see {@code sd_notify(3)}; where nobody asks ({@code NOTIFY_SOCKET} is not set)
 * nothing happens.
 *
 * <p>The JDK has no UNIX datagram sockets, so the {@code systemd-notify} program carries the messages. It takes some 50 ms
 * and sends from a process of its own, hence {@code NotifyAccess=all} in the unit.
 *
 * <p><b>Threading:</b> any thread; each call returns when systemd has the message.
 */
final class Supervisor {
    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);

    private static final long PATIENCE_SECONDS = 5;

    private final boolean listens;
    private final Optional<Duration> watchdog;

    Supervisor(Map<String, String> environment, long pid) {
        listens = !environment.getOrDefault("NOTIFY_SOCKET", "").isEmpty();
        // Without a WATCHDOG_PID it is meant for whoever reads it.
        boolean isOurs = environment.getOrDefault("WATCHDOG_PID", "" + pid).equals("" + pid);
        watchdog = Optional.ofNullable(environment.get("WATCHDOG_USEC"))
                .filter(set -> listens && isOurs)
                .map(micros -> Duration.ofNanos(1_000 * Long.parseLong(micros)));
    }

    static Supervisor ofThisProcess() {
        return new Supervisor(System.getenv(), ProcessHandle.current().pid());
    }

    /** The time after which systemd kills a process that it has not heard {@link #alive} from. */
    Optional<Duration> watchdog() {
        return watchdog;
    }

    void starting(Duration atMost) {
        tell("STATUS=starting", extension(atMost));
    }

    void ready(String status) {
        tell("READY=1", "STATUS=" + status);
    }

    void status(String status) {
        tell("STATUS=" + status);
    }

    void reloading() {
        tell("RELOADING=1", "MONOTONIC_USEC=" + System.nanoTime() / 1_000, "STATUS=reloading");
    }

    /** Draining takes its time, which a unit written by others may not give. */
    void stopping(Duration atMost) {
        tell("STOPPING=1", "STATUS=stopping", extension(atMost));
    }

    void alive() {
        tell("WATCHDOG=1");
    }

    private static String extension(Duration time) {
        return "EXTEND_TIMEOUT_USEC=" + time.toNanos() / 1_000;
    }

    private void tell(String... variables) {
        if (!listens) {
            return;
        }
        List<String> command = new ArrayList<>(List.of("systemd-notify"));
        command.addAll(List.of(variables));
        try {
            Process notify = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!notify.waitFor(PATIENCE_SECONDS, SECONDS)) {
                notify.destroyForcibly();
                LOG.warn("systemd was not told: {} took longer than {} s", command, PATIENCE_SECONDS);
            } else if (notify.exitValue() != 0) {
                LOG.warn("systemd was not told: {} ended with status {}", command, notify.exitValue());
            }
        } catch (IOException absent) {
            LOG.warn("systemd was not told: {}; install systemd-notify, or use Type=exec", absent.toString());
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
