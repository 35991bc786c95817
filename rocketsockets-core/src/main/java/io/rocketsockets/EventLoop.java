package io.rocketsockets;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.FilterBuffers;
import io.rocketsockets.engine.FilterLoop;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One thread that owns sockets: waits for its engine, and does what has come up.
 *
 * <p><b>The turn:</b> poll the engine (until the next timer) · read the clock · run what was postponed and the mailbox ·
 * dispatch completions, with a flush for every few replies · fire due timers · flush what else this turn wrote · reap what
 * closed · publish busy time. Every step is bounded.
 *
 * <p><b>Threading:</b> everything is confined to the loop's thread, except {@link #execute}, {@link #inLoop}, {@link
 * #meter}, {@link #join} and {@link #abandon}.
 * <p><b>Failure:</b> faults of connections and callbacks end there. A fault of the engine ends the loop: its connections
 * close with {@link CloseReason#ERROR}.
 */
final class EventLoop implements Runnable, FilterLoop {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);

    /** Messages run in one turn, so that a million of them leave the sockets and timers their turn. */
    private static final int MESSAGES_PER_TURN = 1024;

    /** What one turn adds to the loop's time beyond what it meant to wait. */
    private static final long LONGEST_TURN_NANOS = 1_000_000_000;

    /**
     * Sockets whose replies leave together, which costs less than one by one, most likely since the kernel's code for it stays in
     * the processor's cache (1.8 % of an echo of 64 bytes on epoll, 2.7 % on 1,000 connections; 16 and 32 save no more).
     */
    private static final int REPLIES_TOGETHER = 8;

    /** Where a socket takes longer on average no reply waits for the next callback. */
    private static final long SHORT_CALLBACK_NANOS = 20_000;

    /** Turns in a row that fail before the loop gives up, rather than burn a processor on a broken engine. */
    private static final int MOST_FAULTS = 16;

    /** After a failed turn, doubling from 2 ms: what lacked, memory most likely, may be there again. 16 of them take 2.3 s. */
    private static final long LONGEST_BACK_OFF_NANOS = 200_000_000;

    // Immutable.
    final Engine engine;
    final WriteBuffers buffers;
    final TimerWheel timers;
    final LoopMeter meter;
    private final int number;
    private final String turnFailed;
    private final String endFailed;

    /** The steps of {@link #end}, made ahead: it may come because the heap is full. */
    private final Runnable[] ending = {
        this::sayWhyItEnds,
        this::terminateAll,
        this::endMailbox,
        this::flush,
        this::hasEnded,
        this::reap,
        this::closeEngine
    };

    private final Mailbox mailbox = new Mailbox();
    private final Collection<Connection> allConnections;
    private final CountDownLatch over = new CountDownLatch(1);

    // Loop thread only.
    private @Nullable Rebalancer rebalancer;
    private final ArrayDeque<Runnable> ofNextTurn = new ArrayDeque<>();
    private final ArrayDeque<Runnable> lastSteps = new ArrayDeque<>();
    private final ArrayDeque<Connection> departing = new ArrayDeque<>();
    private @Nullable Connection dirty;
    private @Nullable Connection lastDirty;

    /** What the flush step has begun with and not done yet. */
    private @Nullable Connection flushing;

    private @Nullable Connection closed;
    private int connections;
    private boolean stopping;
    private boolean cuttingOff;
    private boolean ended;
    private boolean delivering;
    private boolean borrowed;

    /** Turns in a row that have failed. */
    private int faults;

    /** What this turn has found, or else the last. */
    private int events;

    private boolean repliesWait;
    private int waitingReplies;
    private @Nullable FilterBuffers filterBuffers;
    private long now;
    private long skipped;

    // Any thread.
    /** The one that runs the loop; changes when another takes over. */
    private volatile LoopThread thread;

    /** Those that it was taken over from, until the watchdog finds that they have ended. */
    private final Queue<LoopThread> relieved = new ConcurrentLinkedQueue<>();

    /** Falls when the engine proves to be bound to its thread, so that it is not asked again. */
    private volatile boolean canBeRelieved = true;

    /** Published for a stop that gives up on this loop. */
    private volatile ShutdownReport report = ShutdownReport.EMPTY;

    /** Connections on their way to this loop; {@link #NO_MORE} when it takes none any more. */
    private final AtomicInteger expected = new AtomicInteger();

    private static final int NO_MORE = Integer.MIN_VALUE;

    /** Set by a stop that does not wait for a callback any longer. */
    private volatile boolean abandoned;

    /** @param allConnections a live view of those of all loops */
    EventLoop(int number, Engine engine, int writeBufferBytes, Collection<Connection> allConnections) {
        this.number = number;
        this.turnFailed = "event loop " + number + " failed in a turn";
        this.endFailed = "event loop " + number + " failed while it ended";
        this.engine = engine;
        this.allConnections = allConnections;
        this.buffers = new WriteBuffers(writeBufferBytes);
        this.now = System.nanoTime();
        this.timers = new TimerWheel(now);
        this.meter = new LoopMeter(now);
        this.thread = new LoopThread(this, this);
    }

    /** Starts the thread; closes the engine when the system has no thread left. */
    void start() throws IOException {
        Faults.prepare();
        try {
            thread.start();
        } catch (Throwable failure) {
            try (engine) {
                throw failure;
            }
        }
    }

    /** As it is now, with the connections that are on their way here; any thread. */
    ServerStats.Loop snapshot() {
        return meter.snapshot(number, Math.max(0, expected.get()), mailbox.depth(), System.nanoTime());
    }

    int number() {
        return number;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** The thread that runs the loop; any thread. */
    LoopThread thread() {
        return thread;
    }

    boolean inLoop() {
        return Thread.currentThread() == thread;
    }

    /**
     * Lets the caller touch what the loop owns until {@link #leave}, if it is the loop's thread; any thread. False also for
     * one whose loop another has taken over.
     */
    boolean enter() {
        LoopThread current = thread;
        return Thread.currentThread() == current && current.enter();
    }

    void leave() {
        thread.leave();
    }

    /** Posts to the mailbox; from any thread. False when the loop has ended and will not do it. */
    boolean execute(Mailbox.Message message) {
        Mailbox.Posted posted = mailbox.post(message);
        if (posted == Mailbox.Posted.WAKE_IT) {
            engine.wakeup();
        }
        return posted != Mailbox.Posted.REFUSED;
    }

    @Override
    public Engine engine() {
        return engine;
    }

    @Override
    public FilterBuffers filterBuffers() {
        FilterBuffers shared = filterBuffers;
        if (shared == null) {
            shared = new FilterBuffers();
            filterBuffers = shared;
        }
        return shared;
    }

    /** Posts to the mailbox; from any thread. False when the loop has ended and will not do it. */
    @Override
    public boolean execute(Runnable task) {
        return execute(new Mailbox.Task(task));
    }

    /**
     * The time of this turn, in nanoseconds. It runs with {@link System#nanoTime()}, except that a turn adds a second at
     * most: when the process was frozen, or a callback held the loop, peers have not been given the time to be on time.
     */
    long now() {
        return now;
    }

    /** The time of this turn by {@link System#nanoTime()}, which all loops share. */
    long systemNow() {
        return now + skipped;
    }

    @Override
    public void run() {
        while (!(stopping && connections == 0 && expectsNoMore()) && !abandoned && faults < MOST_FAULTS) {
            try {
                turn();
                faults = 0;
            } catch (LoopThread.TakenOver relief) {
                return;
            } catch (Throwable fault) { // here the heap may be full: nothing is allocated but for the line in the log
                if (!((LoopThread) Thread.currentThread()).comeBack()) { // not even a callback's failure could be noted
                    Faults.log(LOG, turnFailed, fault);
                    return;
                }
                if (!abandoned) { // else the engine was closed under it
                    faults++;
                    Faults.log(LOG, turnFailed, fault);
                    LockSupport.parkNanos(Math.min(1_000_000L << faults, LONGEST_BACK_OFF_NANOS));
                }
            }
        }
        end();
    }

    private void turn() throws IOException {
        endDelivery(); // of a turn that a fault has cut short
        events = poll();
        runPostponed();
        runMailbox();
        if (events > 0) {
            engine.dispatch();
        }
        timers.advance(now); // after what has come, which may have come in time
        flush();
        reap();
        depart();
        long clock = now + skipped;
        if (meter.publish(clock) && rebalancer != null) {
            rebalancer.onWindow(meter.recentShare(clock), clock);
        }
    }

    private int poll() throws IOException {
        boolean waits = dirty == null
                && flushing == null
                && ofNextTurn.isEmpty()
                && lastSteps.isEmpty()
                && departing.isEmpty()
                && mailbox.fallAsleep();
        int events;
        if (waits) {
            long before = System.nanoTime();
            meter.waits(before);
            long wait = timers.nanosToNext(before - skipped);
            try {
                events = engine.poll(wait);
            } finally {
                meter.works(readClock(before, wait));
                mailbox.wakeUp();
            }
        } else {
            events = engine.poll(0);
            readClock(System.nanoTime(), 0);
        }
        if (events == 0) {
            // A callback may have interrupted its own thread, which would keep every wait from waiting.
            Thread.interrupted();
        }
        return events;
    }

    /**
     * @param before when the wait began, and the work of the last turn was over
     * @return the system's time
     */
    private long readClock(long before, long meantToWait) {
        long clock = System.nanoTime();
        repliesWait = before - skipped - now <= events * SHORT_CALLBACK_NANOS; // of the last turn
        long waited = clock - before;
        skipped += Math.max(0, before - skipped - now - LONGEST_TURN_NANOS);
        if (meantToWait >= 0 && waited - meantToWait > LONGEST_TURN_NANOS) {
            skipped += waited - LONGEST_TURN_NANOS; // when in its wait it was frozen nobody knows
        }
        now = clock - skipped;
        meter.turnBegins(clock);
        return clock;
    }

    private void runMailbox() {
        for (int i = 0; i < MESSAGES_PER_TURN && !abandoned; i++) {
            Mailbox.Message message = mailbox.poll();
            if (message == null) {
                return;
            }
            message.deliver();
        }
    }

    @Override
    public void nextTurn(Runnable task) {
        assert inLoop();
        ofNextTurn.add(task);
    }

    private void runPostponed() {
        for (int n = ofNextTurn.size(); n > 0 && !abandoned; n--) {
            ofNextTurn.remove().run();
        }
    }

    /** A read is being delivered: the engine's receive buffer is in use. */
    void beginDelivery() {
        delivering = true;
    }

    boolean isDelivering() {
        return delivering;
    }

    /** A write during this delivery referred to memory that may be the engine's receive buffer. */
    void markBorrowed() {
        borrowed = true;
    }

    /** The delivery ends: what was written during it and is not gone yet is copied before the buffer is used again. */
    void endDelivery() {
        delivering = false;
        if (borrowed || waitingReplies >= REPLIES_TOGETHER) {
            borrowed = false;
            flush();
        }
    }

    /** Whether the reply of this delivery is to wait for those of the next few: {@link #markDirty} follows. */
    boolean replyWaits() {
        if (repliesWait) {
            waitingReplies++;
        }
        return repliesWait;
    }

    /** The connection has something to flush or finish at the end of this turn. */
    void markDirty(Connection connection) {
        if (lastDirty == null) {
            dirty = connection;
        } else {
            lastDirty.nextDirty = connection;
        }
        lastDirty = connection;
    }

    private void flush() {
        waitingReplies = 0;
        flushAll(); // of a turn that was cut short
        flushing = dirty;
        dirty = null;
        lastDirty = null;
        flushAll();
    }

    private void flushAll() {
        while (flushing != null) {
            Connection connection = flushing;
            flushing = connection.nextDirty;
            connection.nextDirty = null;
            connection.onFlush();
        }
    }

    /** Tells the application at the end of this turn, before close actions, that a write was refused. */
    void reject(Runnable rejection) {
        if (ended) {
            rejectElsewhere(rejection);
        } else {
            lastSteps.add(rejection);
        }
    }

    /** As {@link #reject} once there is no loop: never on the caller's stack. */
    static void rejectElsewhere(Runnable rejection) {
        CompletableFuture.runAsync(rejection);
    }

    /** The connection has closed; its last callbacks run at the end of this turn. */
    void markClosed(Connection connection) {
        connection.nextClosed = closed;
        closed = connection;
    }

    private void reap() {
        for (int n = lastSteps.size(); n > 0; n--) {
            lastSteps.remove().run();
        }
        while (closed != null) {
            Connection connection = closed;
            closed = connection.nextClosed;
            connection.nextClosed = null;
            connection.onReaped();
        }
    }

    void opened() {
        connections++;
        meter.opened();
    }

    /** The connection has had its last callback. */
    void reaped() {
        connections--;
    }

    /** The connection moves to another loop at the end of this turn. */
    void markDeparting(Connection connection) {
        departing.add(connection);
    }

    /** Announces a connection that is about to be posted to this loop; false when it has ended. Any thread. */
    boolean expect() {
        return expected.getAndUpdate(n -> n < 0 ? n : n + 1) >= 0;
    }

    /** The connection that was announced has come. */
    void cameAsExpected() {
        expected.decrementAndGet();
    }

    private boolean expectsNoMore() {
        return expected.get() < 0 || expected.compareAndSet(0, NO_MORE);
    }

    private void depart() {
        for (int n = departing.size(); n > 0; n--) {
            departing.remove().onDepart();
        }
    }

    void departed() {
        connections--;
        meter.departed();
    }

    void arrived() {
        connections++;
        meter.arrived();
    }

    /** What {@link #now} lags behind the system's clock. */
    long skipped() {
        return skipped;
    }

    /** Moves connections to others of these loops when this one is hot; before anything is accepted. */
    void rebalanceTo(List<EventLoop> loops) {
        rebalancer = new Rebalancer(this, loops);
    }

    boolean isStopping() {
        return stopping;
    }

    /** From now on the loop ends when its last connection has closed. */
    void stopWhenEmpty() {
        stopping = true;
    }

    /** Does it at the end of the next turn: what has come by now has been delivered then. */
    void afterNextTurn(Runnable step) {
        nextTurn(() -> lastSteps.add(step));
    }

    /** The grace is over: what is still open ends now, and so does what may yet arrive. */
    void cutOff() {
        cuttingOff = true;
        forEachConnection(Connection::onGraceEnds);
    }

    boolean isCuttingOff() {
        return cuttingOff;
    }

    void reportStopped(ShutdownReport part) {
        report = report.plus(part);
    }

    /** What became of the connections; after {@link #join}. */
    ShutdownReport report() {
        return report;
    }

    /** Waits for the loop, and for the threads that it was taken over from. */
    void join(long nanos) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        if (over.await(nanos, TimeUnit.NANOSECONDS)) {
            join(thread, deadline);
            for (LoopThread late : relieved) {
                join(late, deadline);
            }
        }
    }

    private static void join(LoopThread ending, long deadline) throws InterruptedException {
        TimeUnit.NANOSECONDS.timedJoin(ending, Math.max(1_000_000, deadline - System.nanoTime()));
    }

    /**
     * Gives up on a callback that does not return; from the stopping thread. Its sockets and listeners close now, the
     * loop ends when the callback does.
     */
    void abandon() {
        abandoned = true;
        owned().forEach(Connection::abandon);
        engine.wakeup(); // who has taken the loop over may only wait for what hangs
        closeEngine();
        thread.interrupt();
        relieved.forEach(Thread::interrupt);
    }

    private void end() {
        canBeRelieved = false;
        expected.set(NO_MORE);
        for (int i = 0; i < ending.length; i++) {
            try {
                ending[i].run();
            } catch (Throwable fault) {
                Faults.log(LOG, endFailed, fault);
            }
        }
        over.countDown(); // whatever was left undone: who stops the server waits for it
    }

    private void sayWhyItEnds() {
        if (faults > 0) {
            LOG.error("event loop {} ends after {} failed turns in a row; its sockets are closed", number, faults);
        }
    }

    private void terminateAll() {
        forEachConnection(connection -> connection.terminate(CloseReason.ERROR));
    }

    private void endMailbox() {
        mailbox.close();
    }

    private void hasEnded() {
        ended = true;
    }

    private void closeEngine() {
        try {
            engine.close();
        } catch (Throwable fault) {
            Faults.log(LOG, "event loop " + number + " cannot close its engine", fault);
        }
    }

    // ---- Taking over from a thread that hangs ----

    /** Threads that hang at once before the loop waits for one of them: an application that blocks ever anew is not fed. */
    private static final int MOST_RELIEVED = 32;

    /** Those that hang in a callback while another runs the loop; any thread. */
    Collection<LoopThread> relieved() {
        relieved.removeIf(late -> !late.isAlive());
        return relieved;
    }

    /**
     * Has another thread go on with the loop if its own still is in that callback; from the watchdog.
     *
     * @return false when nobody can
     */
    boolean relieve(LoopThread hanging, long call) {
        if (!canBeRelieved || relieved.size() >= MOST_RELIEVED) {
            return false;
        }
        new LoopThread(this, () -> takeOver(hanging, call)).start();
        return true;
    }

    private void takeOver(LoopThread hanging, long call) {
        if (!hanging.tryTake(call)) {
            return;
        }
        boolean taken = false;
        try {
            taken = engine.takeOver();
            canBeRelieved = taken;
        } finally {
            if (!taken) {
                hanging.keep();
            }
        }
        if (taken) {
            relieved.add(hanging);
            thread = (LoopThread) Thread.currentThread();
            hold(hanging.take());
            run();
        }
    }

    private void hold(Connection connection) {
        // The buffer in the callback's hands is not used any more.
        delivering = false;
        borrowed = false;
        filterBuffers = null;
        try {
            connection.onHeld();
        } catch (Throwable fault) {
            Faults.log(LOG, "event loop " + number + " cannot set aside what hangs", fault);
        }
    }

    /** The callback in which the calling thread hung has returned: the loop does what follows, whoever runs it now. */
    void comesBack(Connection connection, Mailbox.Message back) {
        if (!execute(back)) {
            finish(connection, (LoopThread) Thread.currentThread());
        }
    }

    /** The loop has ended without the connection: its last callbacks run on the thread that was late. */
    private void finish(Connection connection, LoopThread late) {
        boolean interrupted = false;
        while (over.getCount() > 0) {
            try {
                over.await();
            } catch (InterruptedException later) {
                interrupted = true;
            }
        }
        synchronized (over) { // several may be late
            late.enterAfterAll();
            thread = late;
            connection.onLate();
            reap();
        }
        if (interrupted) {
            late.interrupt();
        }
    }

    /**
     * What a write of another thread posts: a view of its own, so that position and limit are those of the call; a copy
     * when the caller is a loop in a delivery, whose receive buffer will be overwritten before this one is sent.
     */
    static ByteBuffer stable(ByteBuffer bytes) {
        boolean mayBeOverwritten =
                bytes.isDirect() && Thread.currentThread() instanceof LoopThread caller && caller.loop().delivering;
        return mayBeOverwritten
                ? ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip()
                : bytes.duplicate();
    }

    /** On the loop: those that it may touch. */
    void forEachConnection(Consumer<Connection> action) {
        for (Connection connection : allConnections) {
            if (connection.handle().isHere()) {
                action.accept(connection);
            }
        }
    }

    /** On any thread: also those that are on their way here. */
    List<Connection> owned() {
        return allConnections.stream()
                .filter(connection -> connection.handle().owner() == this)
                .toList();
    }
}
