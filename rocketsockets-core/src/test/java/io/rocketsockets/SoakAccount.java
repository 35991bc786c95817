package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The books of one connection of the soak, kept by both of its ends. They find each other by the peer's address, which no
 * other connection has.
 */
final class SoakAccount {
    final InetAddress address;
    final SoakApplication.Part part;

    /** Any choice that the part leaves open. */
    final long choice;

    /** Of the server's for this socket; null leaves them. */
    final @Nullable Timeouts timeouts;

    // The peer.
    final SoakStream sent;
    final SoakStream received;

    // The server, on its loop until closed.
    final SoakStream delivered;
    final SoakStream given;
    final AtomicInteger opened = new AtomicInteger();
    final CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    final AtomicInteger writes = new AtomicInteger();
    final AtomicInteger writesEnded = new AtomicInteger();

    /** Bytes of the application that are none of the stream: greetings, answers. */
    final AtomicLong asideGiven = new AtomicLong();

    final AtomicLong asideReceived = new AtomicLong();

    /** The name of the loop's thread. */
    volatile String loop = "";

    private final Set<CloseReason> expected = EnumSet.noneOf(CloseReason.class);
    private boolean maybeUnopened;
    private boolean exactIn;
    private boolean exactOut;

    SoakAccount(
            InetAddress address, SoakApplication.Part part, long choice, @Nullable Timeouts timeouts, long peerSeed) {
        this.address = address;
        this.part = part;
        this.choice = choice;
        this.timeouts = timeouts;
        long answerSeed = part.echoes ? peerSeed : ~peerSeed;
        sent = new SoakStream(peerSeed);
        delivered = new SoakStream(peerSeed);
        given = new SoakStream(answerSeed);
        received = new SoakStream(answerSeed);
    }

    // ---- What the peer expects ----

    /** Every byte of the peer's is delivered. */
    SoakAccount allIn() {
        exactIn = true;
        return this;
    }

    /** Every byte given to write is received. */
    SoakAccount allOut() {
        exactOut = true;
        return this;
    }

    /** The server may never have seen it, or not have found the account. */
    SoakAccount maybeUnopened() {
        maybeUnopened = true;
        return this;
    }

    SoakAccount endsWith(CloseReason... reasons) {
        expected.addAll(Set.of(reasons));
        return this;
    }

    // ---- At the end of the round ----

    void verify() {
        if (opened.get() == 0) {
            assertThat(maybeUnopened).as("%s was never opened", this).isTrue();
            return;
        }
        assertThat(closed).as("close action of %s", this).isDone();
        CloseReason reason = closed.join();
        // Who is slow while others hold too many bytes may be taken for one of them, but not with a handful.
        boolean isShed = reason == CloseReason.LIMIT_MEMORY && bytesGiven() > SoakContract.HIGH_WATER_MARK;
        assertThat(isShed || expected.contains(reason))
                .as("%s ended, expected one of %s", this, expected)
                .isTrue();
        assertThat(writesEnded).as("writes ended of %s", this).hasValue(writes.get());
        assertThat(delivered.position()).as("bytes delivered to %s", this).isLessThanOrEqualTo(sent.position());
        assertThat(bytesReceived()).as("bytes received from %s", this).isLessThanOrEqualTo(bytesGiven());
        if (exactIn && !isShed) {
            assertThat(delivered.position()).as("bytes delivered to %s", this).isEqualTo(sent.position());
        }
        if (exactOut && !isShed) {
            assertThat(bytesReceived()).as("bytes received from %s", this).isEqualTo(bytesGiven());
        }
    }

    long bytesGiven() {
        return given.position() + asideGiven.get();
    }

    long bytesReceived() {
        return received.position() + asideReceived.get();
    }

    // ---- For the server's side ----

    /** A write whose end is counted. */
    void write(SocketHandle socket, ByteBuffer bytes) {
        write(socket, bytes, () -> {});
    }

    void write(SocketHandle socket, ByteBuffer bytes, Runnable onComplete) {
        writes.incrementAndGet();
        socket.write(
                bytes,
                () -> {
                    writesEnded.incrementAndGet();
                    onComplete.run();
                },
                failure -> writesEnded.incrementAndGet());
    }

    @Override
    public String toString() {
        return part + " " + address.getHostAddress() + " choice=" + choice + " reason=" + closed.getNow(null) + " sent="
                + sent.position() + " delivered=" + delivered.position() + " given=" + bytesGiven() + " received="
                + bytesReceived() + " writes=" + writesEnded + "/" + writes;
    }
}
