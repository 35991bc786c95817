package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.engine.PeerCredentials;
import io.rocketsockets.proxy.ProxyHeader;
import io.rocketsockets.tls.TlsSession;
import java.io.ByteArrayOutputStream;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The books of the connections of one server, kept between it and the application under test. Whatever a test is about,
 * here is checked that callbacks come in their order, on one loop, one at a time, never inside a call of the application,
 * and that each write ends exactly once.
 */
final class Ledger {
    /** How deep this thread is inside calls of the application on a handle. */
    private static final ThreadLocal<AtomicInteger> CALLS = ThreadLocal.withInitial(AtomicInteger::new);

    /** Per connection; what comes after is counted only. */
    private static final int MOST_RECORDED_BYTES = 16 * 1024 * 1024;

    private final Map<String, Book> books = new ConcurrentHashMap<>();
    private final long began = System.nanoTime();
    private final Queue<AssertionError> violations = new ConcurrentLinkedQueue<>();

    /** The application, audited. */
    SocketSessionFactory audit(SocketSessionFactory application) {
        return socket -> {
            Book book = new Book((ConnectionHandle) socket);
            if (books.put(socket.id(), book) != null) {
                violation("socket id " + socket.id() + " is used twice");
            }
            book.open(application);
            return book;
        };
    }

    Collection<Book> books() {
        return books.values();
    }

    /** Of the only one with that address. */
    Book book(SocketAddress remote) {
        return book(remote, began);
    }

    /** Of the one with that address that was opened since: the system gives the ports of those who were reset to others. */
    Book book(SocketAddress remote, long since) {
        return await().until(
                        () -> books.values().stream()
                                .filter(book -> book.remoteAddress.equals(remote) && book.opened - since >= 0)
                                .findAny(),
                        Optional::isPresent)
                .orElseThrow();
    }

    long bytesReceived() {
        return books.values().stream()
                .mapToLong(book -> book.bytesReceived.get())
                .sum();
    }

    Map<CloseReason, Long> reasons() {
        return books.values().stream()
                .map(book -> book.handle.closeReason())
                .flatMap(Optional::stream)
                .collect(Collectors.groupingBy(reason -> reason, Collectors.counting()));
    }

    /** Once the server has stopped; of writes after that the failure may still be on its way. */
    void verify() {
        await().untilAsserted(() -> assertThat(books.values())
                .allSatisfy(book -> assertThat(book.pendingWrites).hasValue(0)));
        assertThat(books.values()).allSatisfy(Book::verify);
        assertThat(violations).isEmpty();
    }

    private void violation(String what) {
        violations.add(new AssertionError(what + " [" + Thread.currentThread().getName() + "]"));
    }

    /** One connection. */
    final class Book implements SocketSession {
        /** What the application holds. */
        final SocketHandle socket;

        final SocketAddress remoteAddress;
        final long opened = System.nanoTime();
        final AtomicInteger deliveries = new AtomicInteger();
        final AtomicLong bytesReceived = new AtomicLong();
        final CompletableFuture<CloseReason> closed = new CompletableFuture<>();

        private final ConnectionHandle handle;
        private final Map<Thread, ConcurrentLinkedDeque<Write>> writes = new ConcurrentHashMap<>();
        private final AtomicInteger pendingWrites = new AtomicInteger();
        private final ByteArrayOutputStream received = new ByteArrayOutputStream();
        private @Nullable SocketSession session;
        private volatile boolean inCallback;

        Book(ConnectionHandle handle) {
            this.handle = handle;
            this.socket = new AuditedHandle(this);
            this.remoteAddress = handle.remoteAddress();
        }

        private void open(SocketSessionFactory application) {
            callback("open", () -> session = application.open(socket));
            if (session == null) {
                throw new NullPointerException("the application opened no session");
            }
        }

        @Override
        public void onBytes(ByteBuffer bytes) {
            if (!bytes.hasRemaining() || bytes.position() != 0) {
                violation("delivered " + bytes);
            }
            int count = bytes.remaining();
            if (bytesReceived.get() < MOST_RECORDED_BYTES) {
                byte[] copy = new byte[count];
                bytes.get(0, copy);
                synchronized (received) {
                    received.writeBytes(copy);
                }
            }
            bytesReceived.addAndGet(count);
            deliveries.incrementAndGet();
            callback("onBytes", () -> session.onBytes(bytes));
        }

        @Override
        public void onInputEnd() {
            callback("onInputEnd", session::onInputEnd);
        }

        @Override
        public void onClose() {
            CloseReason reason = handle.closeReason().orElse(null);
            if (reason == null || handle.isOpen()) {
                violation("close action of a socket that has not ended: reason=" + reason);
            }
            try {
                callback("onClose", session::onClose);
            } finally {
                if (!closed.complete(reason)) {
                    violation("the close action ran twice");
                }
            }
        }

        CloseReason awaitClosed() throws Exception {
            return closed.get(20, TimeUnit.SECONDS);
        }

        void awaitDeliveries(int count) {
            await().until(() -> deliveries.get() >= count);
        }

        void awaitReceived(long count) {
            await().until(() -> bytesReceived.get() >= count);
        }

        byte[] received() {
            synchronized (received) {
                return received.toByteArray();
            }
        }

        /** Runs on the loop between callbacks and waits for it. */
        <T> T onLoop(Callable<T> task) throws Exception {
            CompletableFuture<T> result = new CompletableFuture<>();
            boolean posted = handle.owner().execute(() -> {
                try {
                    result.complete(task.call());
                } catch (Throwable failure) {
                    result.completeExceptionally(failure);
                }
            });
            assertThat(posted).as("the loop takes a task").isTrue();
            return result.get(20, TimeUnit.SECONDS);
        }

        /** Two turns of the loop: what was ready before has been dispatched. */
        void awaitTurns() throws Exception {
            onLoop(() -> null);
            onLoop(() -> null);
        }

        /** Until the kernel takes no more, since the peer does not read. */
        void awaitBlocked() throws Exception {
            await().until(() -> {
                long before = handle.unsentBytes();
                awaitTurns();
                return before > 0 && handle.unsentBytes() == before;
            });
        }

        private void callback(String name, Runnable body) {
            check(name);
            if (inCallback) {
                violation(name + " inside another callback of its socket");
            }
            if (closed.isDone()) {
                violation(name + " after the close action");
            }
            inCallback = true;
            // What the callback calls is a call again; what it runs in is not.
            int depth = CALLS.get().getAndSet(0);
            try {
                body.run();
            } finally {
                CALLS.get().set(depth);
                inCallback = false;
            }
        }

        private void check(String name) {
            if (CALLS.get().get() > 0) {
                violation(name + " inside a call of the application");
            }
            // Only a write after the end may be told elsewhere, for want of a loop.
            boolean late = name.equals("onException") && closed.isDone();
            boolean belongsOnTheLoop = !(handle instanceof BlockingHandle);
            if (!late && handle.isHere() != belongsOnTheLoop) {
                violation(name + (belongsOnTheLoop ? " elsewhere than" : "") + " on the loop that owns " + handle);
            }
        }

        private <T> T call(Supplier<T> body) {
            CALLS.get().incrementAndGet();
            try {
                return body.get();
            } finally {
                CALLS.get().decrementAndGet();
            }
        }

        private void verify() {
            if (session != null) {
                assertThat(closed).as("close action of %s", handle).isDone();
            }
            assertThat(handle.isOpen()).as("%s is open", handle).isFalse();
            assertThat(handle.closeReason()).as("reason of %s", handle).isPresent();
        }

        @Override
        public String toString() {
            return handle.toString();
        }

        /** One write, until it is done. */
        private final class Write {
            private final ConcurrentLinkedDeque<Write> ofThread;
            private final Runnable onComplete;
            private final Consumer<? super Throwable> onException;
            private final AtomicInteger ended = new AtomicInteger();

            Write(Runnable onComplete, Consumer<? super Throwable> onException) {
                this.onComplete = onComplete;
                this.onException = onException;
                this.ofThread = writes.computeIfAbsent(Thread.currentThread(), thread -> new ConcurrentLinkedDeque<>());
                pendingWrites.incrementAndGet();
                ofThread.add(this);
            }

            void completed() {
                if (ofThread.peek() != this) {
                    violation("onComplete before that of an earlier write");
                }
                end("onComplete", onComplete);
            }

            void failed(Throwable cause) {
                end("onException", () -> onException.accept(cause));
            }

            private void end(String name, Runnable body) {
                if (ended.getAndIncrement() > 0) {
                    violation(name + " of a write that had ended");
                }
                ofThread.remove(this);
                try {
                    if (closed.isDone()) {
                        check(name);
                        body.run();
                    } else {
                        callback(name, body);
                    }
                } finally {
                    pendingWrites.decrementAndGet();
                }
            }
        }
    }

    /** Notes every call of the application. */
    private record AuditedHandle(Book book) implements SocketHandle {
        @Override
        public String id() {
            return book.call(book.handle::id);
        }

        @Override
        public String endpoint() {
            return book.call(book.handle::endpoint);
        }

        @Override
        public SocketAddress remoteAddress() {
            return book.call(book.handle::remoteAddress);
        }

        @Override
        public SocketAddress localAddress() {
            return book.call(book.handle::localAddress);
        }

        @Override
        public Optional<ProxyHeader> proxyHeader() {
            return book.call(book.handle::proxyHeader);
        }

        @Override
        public Optional<TlsSession> tls() {
            return book.call(book.handle::tls);
        }

        @Override
        public void startTls() {
            run(book.handle::startTls);
        }

        @Override
        public Optional<PeerCredentials> peerCredentials() {
            return book.call(book.handle::peerCredentials);
        }

        @Override
        public boolean isOpen() {
            return book.call(book.handle::isOpen);
        }

        @Override
        public void read() {
            run(book.handle::read);
        }

        @Override
        public void startReading() {
            run(book.handle::startReading);
        }

        @Override
        public void stopReading() {
            run(book.handle::stopReading);
        }

        @Override
        public void write(ByteBuffer bytes, Runnable onComplete, Consumer<? super Throwable> onException) {
            Book.Write write = book.new Write(onComplete, onException);
            run(() -> book.handle.write(bytes, write::completed, write::failed));
        }

        @Override
        public void write(ByteBuffer bytes) {
            run(() -> book.handle.write(bytes));
        }

        @Override
        public long unsentBytes() {
            return book.call(book.handle::unsentBytes);
        }

        @Override
        public void shutdownOutput() {
            run(book.handle::shutdownOutput);
        }

        @Override
        public void close() {
            run(book.handle::close);
        }

        @Override
        public void abort() {
            run(book.handle::abort);
        }

        @Override
        public Optional<CloseReason> closeReason() {
            return book.call(book.handle::closeReason);
        }

        @Override
        public void moveTo(int loop) {
            run(() -> book.handle.moveTo(loop));
        }

        @Override
        public void tap(@Nullable WireTap tap) {
            run(() -> book.handle.tap(tap));
        }

        @Override
        public Timeouts timeouts() {
            return book.call(book.handle::timeouts);
        }

        @Override
        public void timeouts(Timeouts timeouts) {
            run(() -> book.handle.timeouts(timeouts));
        }

        @Override
        public void messageBegins() {
            run(book.handle::messageBegins);
        }

        @Override
        public void messageEnds() {
            run(book.handle::messageEnds);
        }

        @Override
        public void attach(@Nullable Object attachment) {
            run(() -> book.handle.attach(attachment));
        }

        @Override
        public <T> @Nullable T attachment(Class<T> type) {
            return book.call(() -> book.handle.attachment(type));
        }

        private void run(Runnable body) {
            book.call(() -> {
                body.run();
                return null;
            });
        }
    }
}
