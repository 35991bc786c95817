package io.rocketsockets;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which loop owns a connection, and the way to it for every other thread. Ownership moves like this:
 *
 * <pre>
 *            AT HOME on A                  IN TRANSIT to B                    AT HOME on B
 *   A: its last step of a turn,  ---->  nobody touches it  ---->  B: adopts it, then does what has
 *      leaves engine and timers                                      waited in the inbox
 * </pre>
 *
 * <p>Calls of other threads wait in an inbox of the connection's own, so that their order does not depend on where it is: the
 * loops are only told that there is something in it. Who is told and is not the owner any more passes that on; on the
 * way nobody looks into it, and the loop where the connection arrives always does.
 *
 * <p><b>Threading:</b> {@link #depart} and {@link #arrive} on the loop that gives and the one that gets; the rest on any.
 */
abstract class Ownership {
    /** Calls done at once for one connection; a flood of them waits in line behind the other connections. */
    private static final int CALLS_IN_A_ROW = 64;

    private static final VarHandle INBOX;

    static {
        try {
            INBOX = MethodHandles.lookup().findVarHandle(Ownership.class, "inbox", Mailbox.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** Made for the first call of another thread: most connections have none. */
    private volatile @Nullable Mailbox inbox;

    /** The loop that owns the connection, or that it is on its way to. */
    private volatile EventLoop owner;

    /** The owner, or null while the connection is in transit. */
    private volatile @Nullable EventLoop home;

    Ownership(EventLoop first) {
        owner = first;
        home = first;
    }

    private Mailbox inbox() {
        Mailbox made = inbox;
        if (made == null) {
            Mailbox first = new Mailbox();
            first.fallAsleep();
            made = INBOX.compareAndSet(this, (Mailbox) null, first) ? first : Objects.requireNonNull(inbox);
        }
        return made;
    }

    EventLoop owner() {
        return owner;
    }

    /** Whether the caller is the loop that owns the connection, and may touch it. */
    final boolean isHere() {
        EventLoop loop = home;
        return loop != null && loop.inLoop();
    }

    /** As {@link #isHere}, for calls of the application: it may touch the connection until {@link #leave}. */
    final boolean enter() {
        EventLoop loop = home;
        return loop != null && loop.enter();
    }

    final void leave() {
        owner.leave();
    }

    /** The owner does it, after what this thread has posted before. */
    final void post(Mailbox.Message call) {
        switch (inbox().post(call)) {
            case WAKE_IT -> tell(owner);
            case REFUSED -> call.refuse();
            case AWAKE -> {}
        }
    }

    final void post(Runnable call) {
        post(new Mailbox.Task(call));
    }

    private void tell(EventLoop loop) {
        EventLoop told = loop;
        while (!told.execute(new Visit(told))) {
            if (told == owner) {
                inbox().close(); // the loop has ended, and the connection with it
                return;
            }
            told = owner;
        }
    }

    /** There is something in the inbox. */
    private final class Visit extends Mailbox.Message {
        private final EventLoop here;

        Visit(EventLoop here) {
            this.here = here;
        }

        @Override
        void deliver() {
            if (home == here) {
                doWhatWaits(here);
            } else if (owner != here) {
                tell(owner);
            }
        }

        @Override
        void refuse() {
            if (owner == here) {
                inbox().close();
            } else {
                tell(owner);
            }
        }
    }

    private void doWhatWaits(EventLoop here) {
        Mailbox waiting = inbox;
        if (waiting == null || waiting.isAtRest()) {
            return; // nothing came, or an earlier visit did it
        }
        try {
            for (int i = 0; i < CALLS_IN_A_ROW; i++) {
                Mailbox.Message call = waiting.poll();
                if (call == null) {
                    break;
                }
                call.deliver();
            }
        } finally {
            if (!waiting.isAtRest() && !waiting.fallAsleep()) {
                tell(here);
            }
        }
    }

    /** The last step on the loop that gives it away. */
    final void depart(EventLoop to) {
        home = null;
        owner = to;
    }

    /** The loop that gets it may touch it now; {@link #catchUp} follows once it is adopted. */
    final void arrive(EventLoop here) {
        owner = here;
        home = here;
    }

    /** Does what other threads have asked for while the connection was in transit. */
    final void catchUp() {
        doWhatWaits(owner);
    }
}
