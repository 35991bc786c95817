package io.rocketsockets;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What other threads want an event loop to do: a queue of many producers and one consumer without a lock.
 *
 * <p>One word holds it all: the newest message of a linked stack, or {@link #ASLEEP} while the loop waits in its engine,
 * or {@link #CLOSED} once it has ended. So one atomic exchange tells a producer whether the loop must be woken or is gone;
 * no message can be posted into the gap between the last look and the end. The loop takes the whole stack at once and
 * turns it round (R. K. Treiber, "Systems Programming: Coping with Parallelism", 1986).
 *
 * <p><b>Threading:</b> {@link #post} from any thread, everything else from the loop.
 * <p><b>Order:</b> that of the posts; of one thread its own.
 */
final class Mailbox {
    /** One thing to do. A message is posted once and is its own link, so that posting allocates nothing more. */
    abstract static class Message {
        @Nullable
        Message next;

        /** How many lie from here to the bottom of the stack; set before it is posted. */
        private int depth;

        /** Runs on the loop. */
        abstract void deliver();

        /** Runs instead, on any thread, when the loop has ended. */
        void refuse() {}
    }

    /** A message that nobody misses once the loop has ended. */
    static final class Task extends Message {
        private final Runnable task;

        Task(Runnable task) {
            this.task = task;
        }

        @Override
        void deliver() {
            task.run();
        }
    }

    /** How posting went. */
    enum Posted {
        AWAKE,
        WAKE_IT,
        REFUSED
    }

    private static final class Mark extends Message {
        @Override
        void deliver() {
            throw new AssertionError("a mark is never delivered");
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
    private static final Message ASLEEP = new Mark();
    private static final Message CLOSED = new Mark();
    private static final VarHandle NEWEST;

    static {
        try {
            NEWEST = MethodHandles.lookup().findVarHandle(Mailbox.class, "newest", Message.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** Any thread. */
    @Nullable
    private volatile Message newest;

    /** Loop only: taken and not yet delivered, oldest first. */
    @Nullable
    private Message taken;

    /** How many are left of those taken; written by the loop, read by others, whom an old number serves as well. */
    private int left;

    Posted post(Message message) {
        while (true) {
            Message top = newest;
            if (top == CLOSED) {
                return Posted.REFUSED;
            }
            message.next = top == ASLEEP ? null : top;
            message.depth = depthOf(top) + 1;
            if (NEWEST.compareAndSet(this, top, message)) {
                return top == ASLEEP ? Posted.WAKE_IT : Posted.AWAKE;
            }
        }
    }

    /** Announces that the loop is about to wait; false when there is something to do instead. */
    boolean fallAsleep() {
        return taken == null && NEWEST.compareAndSet(this, null, ASLEEP);
    }

    /** The loop has woken, by whatever. */
    void wakeUp() {
        NEWEST.compareAndSet(this, ASLEEP, null);
    }

    /** Whether nothing has come since {@link #fallAsleep}, or nothing will since {@link #close}. */
    boolean isAtRest() {
        Message top = newest;
        return top == ASLEEP || top == CLOSED;
    }

    boolean isEmpty() {
        return taken == null && newest == null;
    }

    /** How many messages wait, about; any thread. */
    int depth() {
        return depthOf(newest) + left;
    }

    private static int depthOf(@Nullable Message top) {
        return top == null ? 0 : top.depth; // a mark's is 0
    }

    /** The oldest message, or null. */
    @Nullable
    Message poll() {
        if (taken == null) {
            Message top = newest;
            if (top == null || top == CLOSED) {
                return null;
            }
            Message all = (Message) NEWEST.getAndSet(this, (Message) null);
            left = all.depth;
            taken = oldestFirst(all);
        }
        Message message = Objects.requireNonNull(taken);
        taken = message.next;
        left--;
        message.next = null;
        return message;
    }

    /** Ends the mailbox, then refuses what is left in it. Idempotent. */
    void close() {
        Message older = taken;
        taken = null;
        left = 0;
        Message newer = (Message) NEWEST.getAndSet(this, CLOSED);
        refuseAll(older);
        if (newer != CLOSED && newer != ASLEEP) {
            refuseAll(oldestFirst(newer));
        }
    }

    private static void refuseAll(@Nullable Message oldest) {
        for (Message message = oldest; message != null; message = message.next) {
            try {
                message.refuse();
            } catch (Throwable fault) {
                Faults.log(LOG, "a message could not be refused", fault);
            }
        }
    }

    @Nullable
    private static Message oldestFirst(@Nullable Message newestFirst) {
        Message oldest = null;
        Message rest = newestFirst;
        while (rest != null) {
            Message next = rest.next;
            rest.next = oldest;
            oldest = rest;
            rest = next;
        }
        return oldest;
    }
}
