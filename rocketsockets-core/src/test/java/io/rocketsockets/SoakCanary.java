package io.rocketsockets;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLongArray;

/** Innocent connections, one on each loop: ten numbered messages a second each, every reply in order and right. */
final class SoakCanary implements Runnable {
    private static final int MESSAGE_BYTES = 32;
    private static final int LONGEST_MILLIS = 10_000;

    private final List<SoakPeers.Peer> peers;
    private final CountDownLatch enough = new CountDownLatch(1);

    /** Replies by their time. */
    private final AtomicLongArray byMillis = new AtomicLongArray(LONGEST_MILLIS + 1);

    SoakCanary(List<SoakPeers.Peer> peers) {
        this.peers = peers;
    }

    /** Until told to stop. */
    @Override
    public void run() {
        try {
            do {
                for (SoakPeers.Peer peer : peers) {
                    long before = System.nanoTime();
                    peer.send(MESSAGE_BYTES);
                    peer.receive(MESSAGE_BYTES);
                    long millis = (System.nanoTime() - before) / 1_000_000;
                    byMillis.incrementAndGet((int) Math.min(millis, LONGEST_MILLIS));
                }
            } while (!enough.await(100, MILLISECONDS));
        } catch (Exception fault) {
            throw new AssertionError("the canary died: " + peers.get(0).account, fault);
        }
    }

    void stop() {
        enough.countDown();
    }

    /** Milliseconds within which so many of 1,000 replies came. */
    int quantile(int of1000) {
        long replies = 0;
        for (int i = 0; i <= LONGEST_MILLIS; i++) {
            replies += byMillis.get(i);
        }
        assertThat(replies).as("replies to the canary").isPositive();
        long left = (replies * of1000 + 999) / 1000;
        int millis = 0;
        for (; millis < LONGEST_MILLIS; millis++) {
            left -= byMillis.get(millis);
            if (left <= 0) {
                break;
            }
        }
        return millis;
    }
}
