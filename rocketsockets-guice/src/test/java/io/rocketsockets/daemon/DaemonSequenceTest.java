package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.messages.Golden;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class DaemonSequenceTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofMillis(100);

    private final List<String> journal = new CopyOnWriteArrayList<>();
    private final ScriptedDaemon first = new ScriptedDaemon("first", journal);
    private final ScriptedDaemon second = new ScriptedDaemon("second", journal);
    private final ScriptedDaemon third = new ScriptedDaemon("third", journal);
    private final DaemonSequence sequence = new DaemonSequence(List.of(first, second, third), LONG);

    @Test
    void startsInOrderAndStopsInReverse() throws Exception {
        sequence.start(LONG);
        sequence.stop(LONG);
        assertThat(journal)
                .containsExactly(
                        "start first", "start second", "start third", "stop third", "stop second", "stop first");
    }

    @Test
    void stopsOnce() throws Exception {
        sequence.start(LONG);
        sequence.stop(LONG);
        sequence.stop(LONG);
        assertThat(journal).hasSize(6);
    }

    @Test
    void aServiceThatCannotStartIsTheLastToBeAsked() {
        second.onStart(() -> {
            throw new IOException("disk full");
        });
        assertThatThrownBy(() -> sequence.start(LONG))
                .isInstanceOf(DaemonStartException.class)
                .hasRootCauseMessage("disk full")
                .satisfies(e -> Golden.assertMessage(e.getMessage(), "cannot-start"));
        sequence.stop(LONG);
        assertThat(journal).containsExactly("start first", "start second", "stop first");
    }

    @Test
    void anErrorIsAFailureToStart() {
        first.onStart(() -> {
            throw new StackOverflowError();
        });
        assertThatThrownBy(() -> sequence.start(LONG)).hasCauseInstanceOf(StackOverflowError.class);
    }

    @Test
    void aStartThatHangsIsInterruptedAndGivenUp() {
        CountDownLatch interrupted = new CountDownLatch(1);
        second.onStart(() -> {
            try {
                return ScriptedDaemon.HANG.call();
            } finally {
                interrupted.countDown();
            }
        });
        assertThatThrownBy(() -> sequence.start(SHORT))
                .isInstanceOf(DaemonStartException.class)
                .satisfies(e -> Golden.assertMessage(e.getMessage(), "start-timeout"));
        await().until(() -> interrupted.getCount() == 0);
        sequence.stop(LONG);
        assertThat(journal).containsExactly("start first", "start second", "stop first");
    }

    @Test
    void theStartTimeoutIsForAllTogether() {
        first.onStart(ScriptedDaemon.HANG);
        assertThatThrownBy(() -> sequence.start(SHORT)).isInstanceOf(DaemonStartException.class);
        assertThat(journal).containsExactly("start first");
    }

    @Test
    void anInterruptEndsTheStart() {
        second.onStart(ScriptedDaemon.HANG);
        Thread owner = Thread.currentThread();
        first.onStart(() -> {
            owner.interrupt();
            return ScriptedDaemon.HANG.call();
        });
        assertThatThrownBy(() -> sequence.start(LONG)).isInstanceOf(InterruptedException.class);
        assertThat(journal).containsExactly("start first");
    }

    @Test
    void aServiceThatCannotStopDoesNotKeepTheOthersFromIt() throws Exception {
        third.onStop(() -> {
            throw new IllegalStateException("provoked by the test");
        });
        second.onStop(() -> {
            throw new StackOverflowError("provoked by the test");
        });
        sequence.start(LONG);
        sequence.stop(LONG);
        assertThat(journal).endsWith("stop third", "stop second", "stop first");
    }

    @Test
    void servicesThatHangAreAllAskedAndLeftWithinTheStopTimeout() throws Exception {
        first.onStop(ScriptedDaemon.HANG);
        second.onStop(ScriptedDaemon.HANG);
        third.onStop(ScriptedDaemon.HANG);
        sequence.start(LONG);
        long before = System.nanoTime();
        sequence.stop(Duration.ofMillis(300));
        assertThat(Duration.ofNanos(System.nanoTime() - before))
                .isBetween(Duration.ofMillis(300), Duration.ofSeconds(5));
        assertThat(journal).endsWith("stop third", "stop second", "stop first");
    }

    @Test
    void anInterruptDoesNotCutTheStopShort() throws Exception {
        sequence.start(LONG);
        CountDownLatch interrupted = new CountDownLatch(1);
        Thread owner = Thread.currentThread();
        third.onStop(() -> {
            owner.interrupt();
            interrupted.countDown();
            return "";
        });
        second.onStop(() -> {
            interrupted.await();
            return journal.add("second is done");
        });
        sequence.stop(LONG);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(journal).endsWith("second is done", "stop first");
    }
}
