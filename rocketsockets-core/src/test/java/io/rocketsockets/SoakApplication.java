package io.rocketsockets;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The server's side of the soak: plays to each peer the part that its {@link SoakAccount} names. */
final class SoakApplication implements SocketSessionFactory {
    /** What the application does with a socket. */
    enum Part {
        /** Echoes for ever, one on each loop. */
        CANARY(true),
        /** Echoes; by choice with or without handlers. */
        ECHO(true),
        /** Echoes, and asks for each read, by choice on its loop, on another thread, or for two at once. */
        PULLED_ECHO(true),
        /** Answers with the length when the input has ended. */
        SINK(false),
        /** Writes as long as the peer reads. */
        SOURCE(false),
        /** Writes without looking at the queue. */
        FLOOD(false),
        /** Several threads write at once, then one closes. */
        CROSSED(false),
        /** Answers the first delivery and closes. */
        CLOSER(false),
        /** Answers the first delivery and aborts. */
        ABORTER(false),
        /** Sends one byte and discards what comes, a message that never ends. */
        GREETER(false),
        /** Throws where the choice says. */
        THROWER(true);

        final boolean echoes;

        Part(boolean echoes) {
            this.echoes = echoes;
        }

        /** Whether an account of it has one connection. */
        boolean isOnePeer() {
            return this != GREETER;
        }
    }

    /** More of them would hold the memory of the soak. */
    private static final int MOST_DEAD = 64;

    static final int WRITERS = 3;
    static final int WRITES_EACH = 40;

    /** What a peer that does not read leaves in the queue. */
    static final int BLOCK_BYTES = 64 * 1024;

    final Map<InetAddress, SoakAccount> accounts = new ConcurrentHashMap<>();

    /** Handles of sockets that have closed. */
    final Queue<SocketHandle> dead = new ConcurrentLinkedDeque<>();

    private final Executor others;
    private final Queue<Throwable> faults;

    /** @param others threads that are none of the server's */
    SoakApplication(Executor others, Queue<Throwable> faults) {
        this.others = others;
        this.faults = faults;
    }

    @Override
    public SocketSession open(SocketHandle socket) {
        InetAddress address = ((InetSocketAddress) socket.remoteAddress()).getAddress();
        SoakAccount account = accounts.get(address);
        if (account == null) {
            socket.startReading();
            return bytes -> {};
        }
        account.opened.incrementAndGet();
        account.loop = Thread.currentThread().getName();
        if (account.timeouts != null) {
            socket.timeouts(account.timeouts);
        }
        Session session = switch (account.part) {
            case CANARY, ECHO -> new Echo(account, socket);
            case PULLED_ECHO -> new PulledEcho(account, socket);
            case SINK -> new Sink(account, socket);
            case SOURCE -> new Source(account, socket);
            case FLOOD -> new Flood(account, socket);
            case CROSSED -> new Crossed(account, socket);
            case CLOSER, ABORTER -> new Ender(account, socket);
            case GREETER -> new Greeter(account, socket);
            case THROWER -> new Thrower(account, socket);
        };
        session.begin();
        return session;
    }

    private void attempt(SoakAccount account, Runnable body) {
        try {
            body.run();
        } catch (AssertionError | RuntimeException fault) {
            faults.add(new AssertionError("on the server: " + account, fault));
        }
    }

    private class Session implements SocketSession {
        final SoakAccount account;
        final SocketHandle socket;

        Session(SoakAccount account, SocketHandle socket) {
            this.account = account;
            this.socket = socket;
        }

        void begin() {
            socket.startReading();
        }

        @Override
        public final void onBytes(ByteBuffer bytes) {
            attempt(account, () -> account.delivered.check(bytes));
            received(bytes);
        }

        void received(ByteBuffer bytes) {}

        @Override
        public void onClose() {
            account.closed.complete(socket.closeReason().orElseThrow());
            // Others stay in the test's books with all that they received.
            if (account.delivered.position() < 4096) {
                dead.add(socket);
                if (dead.size() > MOST_DEAD) {
                    dead.poll();
                }
            }
        }

        final void echo(ByteBuffer bytes) {
            account.given.next(bytes.remaining());
            if ((account.choice & 1) == 0) {
                account.write(socket, bytes);
            } else {
                socket.write(bytes);
            }
        }
    }

    private class Echo extends Session {
        Echo(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void received(ByteBuffer bytes) {
            echo(bytes);
        }
    }

    private final class PulledEcho extends Session {
        private final AtomicInteger asked = new AtomicInteger();

        PulledEcho(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void begin() {
            ask();
        }

        private void ask() {
            int way = (int) (account.choice >>> 8 & 3);
            if (way == 2) {
                others.execute(() -> read(1));
            } else {
                read(way == 1 ? 2 : 1);
            }
        }

        private void read(int times) {
            asked.addAndGet(times);
            for (int i = 0; i < times; i++) {
                socket.read();
            }
        }

        @Override
        void received(ByteBuffer bytes) {
            int left = asked.decrementAndGet();
            attempt(account, () -> {
                if (left < 0) {
                    throw new AssertionError("more deliveries than reads were asked for");
                }
            });
            echo(bytes);
            if (left == 0) {
                ask();
            }
        }
    }

    private final class Sink extends Session {
        Sink(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        public void onInputEnd() {
            account.asideGiven.addAndGet(Long.BYTES);
            account.write(
                    socket,
                    ByteBuffer.allocate(Long.BYTES)
                            .putLong(account.delivered.position())
                            .flip());
            socket.close();
        }
    }

    private final class Source extends Session {
        Source(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void begin() {
            more();
        }

        private void more() {
            if (!socket.isOpen()) {
                return;
            }
            if (account.given.position() >= account.choice) {
                socket.close();
            } else {
                account.write(socket, ByteBuffer.wrap(account.given.next(BLOCK_BYTES)), this::more);
            }
        }
    }

    private final class Flood extends Session {
        Flood(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        /** Not before the peer has sent something, or it would be cut off while it connects. */
        @Override
        void received(ByteBuffer bytes) {
            while (socket.isOpen()) {
                socket.write(ByteBuffer.wrap(account.given.next(BLOCK_BYTES)));
            }
        }
    }

    /** Each write is the writer's number, its own sequence number and bytes that follow from both. */
    private final class Crossed extends Session {
        private final AtomicInteger writersLeft = new AtomicInteger(WRITERS);

        Crossed(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void begin() {
            for (int i = 0; i < WRITERS; i++) {
                int writer = i;
                others.execute(() -> write(writer, 0));
            }
        }

        private void write(int writer, int number) {
            if (number < WRITES_EACH) {
                ByteBuffer block = ByteBuffer.wrap(block(account, writer, number));
                account.asideGiven.addAndGet(block.remaining());
                account.write(socket, block, () -> others.execute(() -> write(writer, number + 1)));
            } else if (writersLeft.decrementAndGet() == 0) {
                socket.close();
            }
        }
    }

    /** What {@link Part#CROSSED} sends in one write. */
    static byte[] block(SoakAccount account, int writer, int number) {
        long seed = SoakStream.mix(account.choice + writer * 1000L + number);
        byte[] bytes = new SoakStream(seed).next(8 + (int) (seed >>> 8 & 4095));
        ByteBuffer.wrap(bytes).put(0, (byte) writer).putShort(1, (short) number).putShort(3, (short) bytes.length);
        return bytes;
    }

    private final class Ender extends Session {
        Ender(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void received(ByteBuffer bytes) {
            if (account.part == Part.CLOSER) {
                account.write(socket, ByteBuffer.wrap(account.given.next((int) account.choice)));
                socket.close();
                socket.close();
            } else {
                account.write(socket, ByteBuffer.wrap(account.given.next((int) account.choice)));
                socket.abort();
            }
        }
    }

    private final class Greeter extends Session {
        Greeter(SoakAccount account, SocketHandle socket) {
            super(account, socket);
        }

        @Override
        void begin() {
            super.begin();
            socket.messageBegins();
            account.asideGiven.incrementAndGet();
            account.write(socket, ByteBuffer.allocate(1));
        }
    }

    /** Where {@link Part#THROWER} throws. */
    enum Throws {
        OPENING,
        RECEIVING,
        COMPLETING,
        FAILING,
        CLOSING;

        static Throws of(SoakAccount account) {
            return values()[(int) account.choice];
        }
    }

    private final class Thrower extends Session {
        private final Throws place;
        private int deliveries;

        Thrower(SoakAccount account, SocketHandle socket) {
            super(account, socket);
            this.place = Throws.of(account);
        }

        @Override
        void begin() {
            super.begin();
            if (place == Throws.OPENING) {
                // There will be no session to tell of the end.
                others.execute(() -> {
                    while (socket.closeReason().isEmpty()) {
                        Thread.onSpinWait();
                    }
                    account.closed.complete(socket.closeReason().get());
                });
                fail();
            }
        }

        @Override
        void received(ByteBuffer bytes) {
            if (place == Throws.FAILING && deliveries > 0) {
                return; // what came in pieces of one turn: its output has ended, which it is about to be told
            }
            account.given.next(bytes.remaining());
            deliveries++;
            switch (place) {
                case OPENING -> throw new AssertionError("a delivery to a socket without a session");
                case RECEIVING -> {
                    account.write(socket, bytes);
                    if (deliveries == 3) {
                        fail();
                    }
                }
                case COMPLETING -> account.write(socket, bytes, this::fail);
                case FAILING -> {
                    account.write(socket, bytes);
                    socket.shutdownOutput();
                    socket.write(
                            ByteBuffer.allocate(1),
                            () -> faults.add(new AssertionError("a write went out after shutdownOutput: " + account)),
                            refused -> fail());
                }
                case CLOSING -> account.write(socket, bytes);
            }
        }

        @Override
        public void onClose() {
            super.onClose();
            if (place == Throws.CLOSING) {
                fail();
            }
        }

        private void fail() {
            List<Throwable> all = List.of(
                    new IllegalStateException("soak"),
                    new AssertionError("soak"),
                    new StackOverflowError("soak"),
                    new OutOfMemoryError("soak"),
                    new LinkageError("soak"),
                    new Unprintable());
            int kind = Math.floorMod(account.address.hashCode(), all.size());
            SoakApplication.<RuntimeException>sneak(all.get(kind));
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable fault) throws T {
        throw (T) fault;
    }

    private static final class Unprintable extends Exception {
        private static final long serialVersionUID = 1;

        @Override
        public @Nullable String getMessage() {
            throw new IllegalStateException("an exception that cannot be printed");
        }
    }
}
