package io.rocketsockets;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class MailboxTest {
    private final Mailbox mailbox = new Mailbox();
    private final List<Note> delivered = new ArrayList<>();
    private final AtomicInteger refused = new AtomicInteger();

    private final class Note extends Mailbox.Message {
        final int producer;
        final int number;

        Note(int producer, int number) {
            this.producer = producer;
            this.number = number;
        }

        @Override
        void deliver() {
            delivered.add(this);
        }

        @Override
        void refuse() {
            refused.incrementAndGet();
        }
    }

    private Mailbox.Posted post(int number) {
        return mailbox.post(new Note(0, number));
    }

    private void deliverAll() {
        for (Mailbox.Message next = mailbox.poll(); next != null; next = mailbox.poll()) {
            next.deliver();
        }
    }

    @Test
    void depthIsWhatHasNotBeenDelivered() {
        assertThat(mailbox.depth()).isZero();
        mailbox.fallAsleep();
        assertThat(mailbox.depth()).isZero();
        for (int i = 1; i <= 5; i++) {
            post(i);
            assertThat(mailbox.depth()).isEqualTo(i);
        }
        mailbox.poll();
        assertThat(mailbox.depth()).isEqualTo(4);
        post(6);
        post(7);
        assertThat(mailbox.depth()).isEqualTo(6);
        deliverAll();
        assertThat(mailbox.depth()).isZero();
        post(8);
        mailbox.close();
        assertThat(mailbox.depth()).isZero();
    }

    @Test
    void messagesComeInTheOrderOfTheirPosts() {
        for (int i = 0; i < 10; i++) {
            post(i);
        }
        mailbox.poll().deliver();
        post(10);
        deliverAll();
        assertThat(delivered)
                .extracting(note -> note.number)
                .isEqualTo(IntStream.range(0, 11).boxed().toList());
        assertThat(mailbox.isEmpty()).isTrue();
    }

    @Test
    void aLoopThatIsAwakeIsNotWoken() {
        assertThat(post(0)).isEqualTo(Mailbox.Posted.AWAKE);
        assertThat(post(1)).isEqualTo(Mailbox.Posted.AWAKE);
    }

    @Test
    void theFirstPostToASleeperWakesIt() {
        assertThat(mailbox.fallAsleep()).isTrue();
        assertThat(post(0)).isEqualTo(Mailbox.Posted.WAKE_IT);
        assertThat(post(1)).isEqualTo(Mailbox.Posted.AWAKE);
        mailbox.wakeUp();
        deliverAll();
        assertThat(delivered).hasSize(2);
    }

    @Test
    void aSleeperThatWakesByItselfFindsNothing() {
        mailbox.fallAsleep();
        mailbox.wakeUp();
        assertThat(mailbox.poll()).isNull();
        assertThat(mailbox.isEmpty()).isTrue();
        assertThat(post(0)).isEqualTo(Mailbox.Posted.AWAKE);
    }

    @Test
    void nobodyFallsAsleepOverAMessage() {
        post(0);
        post(1);
        assertThat(mailbox.fallAsleep()).isFalse();
        mailbox.poll();
        assertThat(mailbox.fallAsleep()).as("one of two is delivered").isFalse();
        mailbox.poll();
        assertThat(mailbox.fallAsleep()).isTrue();
    }

    @Test
    void aClosedMailboxRefusesWhatIsInItAndWhatComes() {
        post(0);
        post(1);
        mailbox.poll().deliver();
        post(2);
        mailbox.close();
        assertThat(refused).hasValue(2);
        assertThat(post(3)).isEqualTo(Mailbox.Posted.REFUSED);
        assertThat(refused).as("the poster's to refuse").hasValue(2);
        mailbox.close();
        assertThat(delivered).hasSize(1);
    }

    @Test
    void aMailboxClosedAsleepRefuses() {
        mailbox.fallAsleep();
        mailbox.close();
        assertThat(post(0)).isEqualTo(Mailbox.Posted.REFUSED);
    }

    /** Several producers, a consumer that sleeps whenever it can, and an end in the midst of it. */
    @RepeatedTest(20)
    void everyMessageIsDeliveredOrRefusedOnceAndNoWakeUpIsLost() throws Exception {
        int producers = 4;
        int posts = 5000;
        Semaphore wakeUps = new Semaphore(0);
        AtomicInteger accepted = new AtomicInteger();
        List<CompletableFuture<Void>> posting = IntStream.range(0, producers)
                .mapToObj(producer -> EngineContract.async(() -> {
                    for (int i = 0; i < posts; i++) {
                        switch (mailbox.post(new Note(producer, i))) {
                            case AWAKE -> accepted.incrementAndGet();
                            case WAKE_IT -> {
                                accepted.incrementAndGet();
                                wakeUps.release();
                            }
                            case REFUSED -> {
                                return (Void) null;
                            }
                        }
                    }
                    return (Void) null;
                }))
                .toList();
        while (delivered.size() < producers * posts * 3 / 4) {
            if (mailbox.fallAsleep()) {
                assertThat(wakeUps.tryAcquire(20, SECONDS)).as("woken").isTrue();
                mailbox.wakeUp();
            }
            for (int i = 0; i < 100; i++) {
                Mailbox.Message next = mailbox.poll();
                if (next == null) {
                    break;
                }
                next.deliver();
            }
        }
        mailbox.close();
        for (CompletableFuture<Void> each : posting) {
            each.get(20, SECONDS);
        }
        assertThat(wakeUps.availablePermits()).as("wake-ups of nobody").isZero();
        assertThat(delivered.size() + refused.get()).isEqualTo(accepted.get());
        int[] next = new int[producers];
        for (Note note : delivered) {
            assertThat(note.number).isEqualTo(next[note.producer]++);
        }
    }
}
