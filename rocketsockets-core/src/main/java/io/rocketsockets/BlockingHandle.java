package io.rocketsockets;

import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A handle whose socket calls the application on the executor of {@link ServerConfigurator#blockingHandlers}, one callback at a
 * time and in their order, and never on the loop: what blocks there holds up nobody else.
 *
 * <pre>
 *   loop:      onBytes, completions, onClose  --&gt;  callbacks  --&gt;  executor: one run at a time until there are none left
 *   loop:      reads again, drains            &lt;--    inbox    &lt;--  what the callbacks asked for, then what waited for them
 * </pre>
 *
 * <p><b>Back-pressure:</b> the socket is not read while a delivery waits or is worked on, so that there is one at most.
 * <p><b>Threading:</b> as {@link ConnectionHandle}; its {@link Session} on the loop.
 */
final class BlockingHandle extends ConnectionHandle {
    // Immutable.
    private final Handlers handlers;

    /** What is to be called; asleep while the executor has nothing to do for this socket. */
    private final Mailbox callbacks = new Mailbox();

    // The current run only, of which there is one at a time.
    private @Nullable SocketSession session;
    private boolean failed;

    /** The application has asked for the end: what was on its way to it is not delivered any more. */
    private volatile boolean ended;

    /** Set once the executor has refused to run anything; what must be told is told elsewhere then. */
    private volatile boolean refused;

    BlockingHandle(Connection connection, Timeouts timeouts, EventLoop loop, Handlers handlers) {
        super(connection, timeouts, loop);
        this.handlers = handlers;
        callbacks.fallAsleep();
    }

    // ---- On the loop ----

    @Override
    SocketSession open(SocketSessionFactory sessions) {
        handlers.opened();
        call(() -> {
            try {
                session = Objects.requireNonNull(sessions.open(this), "SocketSessionFactory.open returned null");
            } catch (Throwable fault) {
                fail("opening its session", fault);
            }
        });
        return new Session();
    }

    @Override
    void afterCallbacks(Runnable onLoop) {
        call(() -> post(onLoop));
    }

    /** What the connection takes for the application's session. */
    private final class Session implements SocketSession {
        @Override
        public void onBytes(ByteBuffer bytes) {
            int count = bytes.remaining();
            ByteBuffer copy = ByteBuffer.allocate(count).put(bytes).flip();
            hold();
            call(() -> {
                connection.delivers(copy);
                tell("delivering " + count + " bytes", receiver -> receiver.onBytes(copy));
                copy.limit(0);
            });
            afterCallbacks(connection::onReleased);
        }

        private void hold() {
            if (enter()) {
                connection.onHandling();
                leave();
            } else {
                post(connection::onHandling);
            }
        }

        @Override
        public void onInputEnd() {
            call(() -> tell("ending its input", SocketSession::onInputEnd));
        }

        @Override
        public void onClose() {
            call(() -> {
                try {
                    if (session != null) {
                        session.onClose();
                    }
                } catch (Throwable fault) {
                    connection.logCloseAction(fault);
                } finally {
                    handlers.closed();
                }
            });
        }
    }

    // ---- On any thread ----

    @Override
    public void write(ByteBuffer bytes, Runnable onComplete, Consumer<? super Throwable> onException) {
        Objects.requireNonNull(onComplete, "onComplete");
        Objects.requireNonNull(onException, "onException");
        super.write(bytes, () -> call(() -> complete(onComplete)), cause -> call(() -> tell(onException, cause)));
    }

    @Override
    public void close() {
        ended = true;
        super.close();
    }

    @Override
    public void abort() {
        ended = true;
        super.abort();
    }

    private void call(Runnable callback) {
        if (callbacks.post(new Mailbox.Task(callback)) == Mailbox.Posted.WAKE_IT) {
            start();
        }
    }

    private void start() {
        if (!refused) {
            try {
                handlers.execute(this::run);
                return;
            } catch (Throwable fault) { // no room, shut down, or no thread
                refused = true;
                failed = true; // nobody runs
                connection.logRefusal(fault);
                post(() -> connection.onCallbackFailed(CloseReason.HANDLER_REFUSED));
            }
        }
        EventLoop.rejectElsewhere(() -> handlers.run(this::run));
    }

    // ---- On the executor ----

    private void run() {
        do {
            for (Mailbox.Message next = callbacks.poll(); next != null; next = callbacks.poll()) {
                next.deliver();
            }
        } while (!callbacks.fallAsleep());
    }

    private void tell(String doing, Consumer<SocketSession> callback) {
        SocketSession receiver = session;
        if (receiver != null && !failed && !ended) {
            try {
                callback.accept(receiver);
            } catch (Throwable fault) {
                fail(doing, fault);
            }
        }
    }

    private void complete(Runnable onComplete) {
        try {
            onComplete.run();
        } catch (Throwable fault) {
            fail("completing a write", fault);
        }
    }

    private void tell(Consumer<? super Throwable> onException, Throwable cause) {
        try {
            onException.accept(cause);
        } catch (Throwable fault) {
            connection.logOnException(cause, fault);
            post(() -> connection.onCallbackFailed(CloseReason.HANDLER_FAILED));
        }
    }

    private void fail(String doing, Throwable fault) {
        failed = true;
        connection.logCallback(doing, fault);
        post(() -> connection.onCallbackFailed(CloseReason.HANDLER_FAILED));
    }
}
