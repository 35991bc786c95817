package io.rocketsockets;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what all sockets of a server have queued within {@link ServerConfigurator#unsentBytesLimit}: past it, those are
 * closed that have held the most bytes for the longest time, until an eighth of the limit is free. Who reads holds little,
 * and not for long.
 *
 * <p><b>Threading:</b> any thread. Only bytes that the kernel would not take at once are counted: on the way of a byte to a
 * peer that reads nothing is.
 */
final class WriteBudget {
    private static final Logger LOG = LoggerFactory.getLogger(SocketServer.class);

    private final long limit;
    private final Collection<Connection> connections;
    private final AtomicLong used = new AtomicLong();

    /** Sockets told to close that have not yet done so; no others are chosen meanwhile. */
    private final AtomicInteger closing = new AtomicInteger();

    private final LogLimit log = new LogLimit();
    private final int writeQueueLimit;

    WriteBudget(long limit, int writeQueueLimit, Collection<Connection> connections) {
        this.limit = limit;
        this.writeQueueLimit = writeQueueLimit;
        this.connections = connections;
    }

    /** So many bytes more are queued for that connection, or fewer; on its loop. */
    void account(long bytes, Connection connection) {
        long now = used.addAndGet(bytes);
        if (bytes > 0) {
            check(now, connection);
        }
    }

    private void check(long now, @Nullable Connection busy) {
        if (now > limit && closing.compareAndSet(0, 1)) {
            closeWorst(now, busy, false);
            closedOne();
        } else if (now > limit + limit / 8) { // other loops are told and have not come to it
            closeWorst(now, busy, true);
        }
    }

    /** After the last of them: what was queued meanwhile counts too. */
    private void closedOne() {
        if (closing.decrementAndGet() == 0) {
            check(used.get(), null);
        }
    }

    private record Holder(Connection connection, long bytes, double byteNanos) {}

    /**
     * @param busy is in the midst of its flush, and may be closed after that only
     * @param othersKnow of other loops no more are told; those due there are reckoned with, so that nobody here goes for them
     */
    private void closeWorst(long usedNow, @Nullable Connection busy, boolean othersKnow) {
        long now = System.nanoTime();
        List<Holder> holders = new ArrayList<>();
        for (Connection connection : connections) {
            long bytes = Math.min(connection.handle().publishedUnsent(), writeQueueLimit); // as it is counted
            if (bytes > 0) {
                holders.add(new Holder(
                        connection,
                        bytes,
                        (double) bytes * (now - connection.handle().lastTaken())));
            }
        }
        holders.sort(Comparator.comparingDouble(Holder::byteNanos).reversed());
        long left = usedNow;
        int count = 0;
        for (Holder holder : holders) {
            if (left <= limit - limit / 8) {
                break;
            }
            left -= holder.bytes;
            if (isAtHand(holder.connection, busy)) {
                count++;
                holder.connection.onShed(() -> {}); // at once: this turn may queue more than the heap holds
            } else if (!othersKnow) {
                count++;
                close(holder.connection);
            }
        }
        if (count > 0 && log.permits()) {
            int closed = count;
            Faults.say(() -> LOG.warn(
                    "too much is unsent: bytes={} > unsentBytesLimit={}; closing the {} sockets that held the most for the"
                            + " longest; raise the limit or the heap if their peers are only slow{}",
                    usedNow,
                    limit,
                    closed,
                    log.leftOut()));
        }
    }

    private static boolean isAtHand(Connection connection, @Nullable Connection busy) {
        return connection != busy && connection.handle().isHere();
    }

    private void close(Connection connection) {
        closing.incrementAndGet();
        connection.handle().post(new Mailbox.Message() {
            @Override
            void deliver() {
                connection.onShed(WriteBudget.this::closedOne);
            }

            @Override
            void refuse() {
                closing.decrementAndGet();
            }
        });
    }
}
