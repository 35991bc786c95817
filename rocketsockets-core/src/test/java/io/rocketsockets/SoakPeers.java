package io.rocketsockets;

import static io.rocketsockets.CloseReason.ABORTED;
import static io.rocketsockets.CloseReason.CLOSED;
import static io.rocketsockets.CloseReason.HANDLER_FAILED;
import static io.rocketsockets.CloseReason.LIMIT_MEMORY;
import static io.rocketsockets.CloseReason.LIMIT_READ_RATE;
import static io.rocketsockets.CloseReason.LIMIT_WRITE_QUEUE;
import static io.rocketsockets.CloseReason.LIMIT_WRITE_RATE;
import static io.rocketsockets.CloseReason.PEER_CLOSED;
import static io.rocketsockets.CloseReason.PEER_RESET;
import static io.rocketsockets.CloseReason.TIMEOUT_FIRST_BYTE;
import static io.rocketsockets.CloseReason.TIMEOUT_IDLE;
import static io.rocketsockets.CloseReason.TIMEOUT_LIFETIME;
import static io.rocketsockets.CloseReason.TIMEOUT_READ;
import static io.rocketsockets.CloseReason.TIMEOUT_WRITE;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.SoakApplication.Part;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The peers of the soak, one method for each kind. Each opens a connection with an account of its own, behaves, and notes
 * in the account what the server has to make of it.
 */
final class SoakPeers {
    private static final int PATIENCE_SECONDS = 30;

    /** From one address, at most: {@link SoakContract} sets it. */
    static final int PER_ADDRESS = 6;

    private static final Timeouts FIRST_BYTE = Timeouts.NONE.firstByte(Duration.ofMillis(300));
    private static final Timeouts IDLE = Timeouts.NONE.idle(Duration.ofMillis(300));
    private static final Timeouts READ = Timeouts.NONE.read(Duration.ofMillis(300));
    private static final Timeouts LIFETIME = Timeouts.NONE.lifetime(Duration.ofMillis(300));
    private static final Timeouts WRITE = Timeouts.NONE.write(Duration.ofMillis(500));
    private static final Timeouts WRITE_RATE =
            Timeouts.NONE.minWriteRate(10_000_000).rateGrace(Duration.ofMillis(300));
    private static final Timeouts READ_RATE = Timeouts.NONE.minReadRate(240).rateGrace(Duration.ofMillis(300));

    private final SoakApplication application;
    private final SocketAddress server;
    private final SocketAddress halfClosing;
    private final ExecutorService threads;
    private final long seed;

    /** Those admitted wait until the others are refused: too many crowds would wait for each other. */
    private final Semaphore crowds = new Semaphore(2);

    /** Since the beginning; the number is the peer's address in 127.1.0.0 to 127.254.255.255. */
    final AtomicInteger connections = new AtomicInteger();

    SoakPeers(
            SoakApplication application,
            SocketAddress server,
            SocketAddress halfClosing,
            ExecutorService threads,
            long seed) {
        this.application = application;
        this.server = server;
        this.halfClosing = halfClosing;
        this.threads = threads;
        this.seed = seed;
    }

    /** One peer of a kind that the choice picks. */
    void one(Random random) throws Exception {
        try {
            any(random);
        } catch (Shed shed) {
            assertThat(shed.getMessage()).isNotEmpty(); // its account tells whether that was right
        } catch (ExecutionException failure) {
            if (!(failure.getCause() instanceof Shed)) {
                throw failure;
            }
        }
    }

    private void any(Random random) throws Exception {
        switch (random.nextInt(27)) {
            case 0, 1, 2 -> echo(random, Part.ECHO);
            case 3, 4, 5 -> echo(random, Part.PULLED_ECHO);
            case 6 -> slowReader(random);
            case 7 -> trickle(random);
            case 8 -> neverReads(random);
            case 9 -> resets(random);
            case 10 -> halfCloses(random);
            case 11 -> sink(random);
            case 12 -> churn(random);
            case 13 -> crossed(random);
            case 14, 15 -> thrower(random);
            case 16 -> closer(random);
            case 17 -> aborter(random);
            case 18 -> crowd(random);
            case 19 -> silent(random);
            case 20 -> outlives(random);
            case 21 -> sluggard(random);
            case 22 -> mob(random);
            case 23, 24, 25 -> lateReader(random);
            default -> ghost();
        }
    }

    // ---- Peers ----

    private void echo(Random random, Part part) throws Exception {
        try (Peer peer = connect(random, part)) {
            peer.account.allIn().allOut().endsWith(PEER_CLOSED);
            int total = 1 + random.nextInt(512 * 1024);
            Future<?> sending = background(() -> peer.sendInPieces(total, random, 64 * 1024));
            peer.receive(total);
            done(sending);
        }
    }

    private void slowReader(Random random) throws Exception {
        try (Peer peer = connect(random, Part.ECHO, null, 4096)) {
            peer.account.allIn().allOut().endsWith(PEER_CLOSED);
            int total = 200_000;
            Future<?> sending = background(() -> peer.sendInPieces(total, random, 64 * 1024));
            for (int left = total; left > 0; ) {
                int n = Math.min(left, 1 + random.nextInt(8192));
                peer.receive(n);
                left -= n;
                pause(random.nextInt(4));
            }
            done(sending);
        }
    }

    /** Reads all, but only when the kernel has taken what it can: the server's writes are taken in parts. */
    private void lateReader(Random random) throws Exception {
        int total = (96 + random.nextInt(64)) * SoakApplication.BLOCK_BYTES;
        boolean echoes = random.nextInt(8) == 0; // the test's books keep what is echoed
        try (Peer peer = echoes
                ? connect(random, Part.ECHO, null, 64 * 1024)
                : connect(Part.SOURCE, total, null, 64 * 1024, server)) {
            peer.account.allIn().allOut().endsWith(echoes ? PEER_CLOSED : CLOSED);
            Future<?> sending = background(() -> peer.sendInPieces(echoes ? total : 0, random, 256 * 1024));
            pause(50 + random.nextInt(100));
            for (int left = total; left > 0; ) {
                int n = Math.min(left, 1 + random.nextInt(256 * 1024));
                peer.receive(n);
                left -= n;
                pause(random.nextInt(3));
            }
            if (!echoes) {
                peer.receiveEnd();
            }
            done(sending);
        }
    }

    private void trickle(Random random) throws Exception {
        try (Peer peer = connect(random, Part.ECHO)) {
            peer.account.allIn().allOut().endsWith(PEER_CLOSED);
            for (int i = 0; i < 100; i++) {
                int count = 1 + random.nextInt(3);
                peer.send(count);
                if (random.nextInt(4) == 0) {
                    pause(random.nextInt(10));
                }
                peer.receive(count);
            }
        }
    }

    /** Several at once, so that together they hold more than all sockets may. */
    private void neverReads(Random random) throws Exception {
        int kind = random.nextInt(4);
        int count = kind == 0 ? 12 : 2;
        List<Peer> peers = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                Peer peer = switch (kind) {
                    case 1 -> connect(random, Part.FLOOD, null, 4096);
                    case 2 -> connect(Part.SOURCE, Long.MAX_VALUE, WRITE_RATE, 4096, server);
                    default -> connect(Part.SOURCE, Long.MAX_VALUE, WRITE, 4096, server);
                };
                peers.add(peer);
                peer.account.endsWith(
                        switch (kind) {
                            case 1 -> LIMIT_WRITE_QUEUE;
                            case 2 -> LIMIT_WRITE_RATE;
                            default -> TIMEOUT_WRITE;
                        });
                if (kind == 1) {
                    peer.send(1);
                }
            }
            for (Peer peer : peers) {
                CloseReason reason = peer.account.closed.get(PATIENCE_SECONDS, SECONDS);
                if (reason != LIMIT_MEMORY) {
                    peer.receiveWhatComes();
                }
            }
        } finally {
            for (Peer peer : peers) {
                peer.close();
            }
        }
    }

    private void resets(Random random) throws Exception {
        for (int i = random.nextInt(20); i >= 0; i--) {
            Peer peer = connect(random, Part.ECHO);
            try (peer) {
                peer.account.maybeUnopened().endsWith(PEER_RESET);
                if (random.nextBoolean()) {
                    peer.send(1 + random.nextInt(30_000));
                    if (random.nextBoolean()) {
                        peer.receive(1);
                    }
                }
                peer.reset();
            }
        }
    }

    private void halfCloses(Random random) throws Exception {
        Part part = random.nextBoolean() ? Part.ECHO : Part.PULLED_ECHO;
        try (Peer peer = connect(random, part)) {
            peer.account.allIn().allOut().endsWith(PEER_CLOSED);
            int total = random.nextInt(100_000);
            Future<?> sending = background(() -> {
                peer.sendInPieces(total, random, 20_000);
                peer.socket.shutdownOutput();
            });
            peer.receive(total);
            peer.receiveEnd();
            done(sending);
        }
    }

    private void sink(Random random) throws Exception {
        try (Peer peer = connect(Part.SINK, 0, null, 0, halfClosing)) {
            peer.account.allIn().allOut().endsWith(CLOSED);
            int total = random.nextInt(300_000);
            peer.sendInPieces(total, random, 64 * 1024);
            peer.socket.shutdownOutput();
            assertThat(ByteBuffer.wrap(peer.receiveAside(Long.BYTES)).getLong())
                    .as("length that the server has seen")
                    .isEqualTo(total);
            peer.receiveEnd();
        }
    }

    private void churn(Random random) throws Exception {
        for (int i = 0; i < 20; i++) {
            try (Peer peer = connect(random, Part.ECHO)) {
                int count = 1 + random.nextInt(2000);
                switch (random.nextInt(3)) {
                    case 0 -> { // close at once
                        peer.account.maybeUnopened().allIn().endsWith(PEER_CLOSED);
                    }
                    case 1 -> { // without having read the answer
                        peer.account.maybeUnopened().endsWith(PEER_CLOSED, PEER_RESET);
                        peer.send(count);
                    }
                    default -> {
                        peer.account.allIn().allOut().endsWith(PEER_CLOSED);
                        peer.send(count);
                        peer.receive(count);
                    }
                }
            }
        }
    }

    private void crossed(Random random) throws Exception {
        try (Peer peer = connect(random, Part.CROSSED)) {
            peer.account.allIn().allOut().endsWith(CLOSED);
            int[] next = new int[SoakApplication.WRITERS];
            for (int i = 0; i < SoakApplication.WRITERS * SoakApplication.WRITES_EACH; i++) {
                ByteBuffer head = ByteBuffer.wrap(peer.receiveAside(5));
                int writer = head.get();
                int number = head.getShort();
                assertThat(number).as("write of writer %s", writer).isEqualTo(next[writer]++);
                byte[] due = SoakApplication.block(peer.account, writer, number);
                byte[] rest = peer.receiveAside(due.length - 5);
                ByteBuffer came =
                        ByteBuffer.allocate(due.length).put(head.rewind()).put(rest);
                assertThat(came.array())
                        .as("write %s of writer %s", number, writer)
                        .isEqualTo(due);
            }
            peer.receiveEnd();
        }
    }

    private void thrower(Random random) throws Exception {
        SoakApplication.Throws[] places = SoakApplication.Throws.values();
        int place = random.nextInt(places.length);
        try (Peer peer = connect(Part.THROWER, place, null, 0, server)) {
            peer.account.allOut();
            if (places[place] == SoakApplication.Throws.CLOSING) {
                peer.account.allIn().endsWith(PEER_CLOSED);
                peer.send(100);
                peer.receive(100);
            } else {
                peer.account.endsWith(HANDLER_FAILED);
                peer.pingPongUntilTheEnd(random);
            }
        }
    }

    private void closer(Random random) throws Exception {
        try (Peer peer = connect(Part.CLOSER, random.nextInt(200_000), null, 0, server)) {
            peer.account.allOut().endsWith(CLOSED);
            peer.send(1 + random.nextInt(16_000));
            peer.receive((int) peer.account.choice);
            peer.receiveEnd();
        }
    }

    private void aborter(Random random) throws Exception {
        try (Peer peer = connect(Part.ABORTER, random.nextInt(200_000), null, 0, server)) {
            peer.account.endsWith(ABORTED);
            peer.send(1);
            peer.receiveWhatComes();
        }
    }

    /** Twice as many as one address may have. */
    private void crowd(Random random) throws Exception {
        crowds.acquire();
        try {
            crowdTogether(random);
        } finally {
            crowds.release();
        }
    }

    private void crowdTogether(Random random) throws Exception {
        InetAddress address = nextAddress();
        SoakAccount account = new SoakAccount(address, Part.GREETER, 0, null, random.nextLong());
        account.endsWith(PEER_CLOSED);
        application.accounts.put(address, account);
        AtomicInteger refused = new AtomicInteger();
        List<Peer> peers = new ArrayList<>();
        try {
            for (int i = 0; i < 2 * PER_ADDRESS; i++) {
                try {
                    peers.add(new Peer(account, 0, server));
                } catch (SocketException refusedAtOnce) {
                    refused.incrementAndGet();
                }
            }
            for (Peer peer : peers) {
                try {
                    peer.receiveAside(1);
                } catch (SocketException | EOFException reset) {
                    refused.incrementAndGet();
                }
            }
            assertThat(refused).as("refused from one address").hasValue(PER_ADDRESS);
            assertThat(account.opened).as("admitted from one address").hasValue(PER_ADDRESS);
        } finally {
            for (Peer peer : peers) {
                peer.close();
            }
        }
    }

    private void silent(Random random) throws Exception {
        int kind = random.nextInt(3);
        Timeouts timeouts = List.of(FIRST_BYTE, READ, IDLE).get(kind);
        try (Peer peer = connect(Part.ECHO, random.nextInt(), timeouts, 0, server)) {
            peer.account
                    .allOut()
                    .endsWith(List.of(TIMEOUT_FIRST_BYTE, TIMEOUT_READ, TIMEOUT_IDLE)
                            .get(kind));
            if (kind > 0) {
                peer.send(1000);
            }
            // On a slow machine the time may be over before the server has read this.
            peer.receiveWhatComes();
        }
    }

    private void outlives(Random random) throws Exception {
        try (Peer peer = connect(Part.ECHO, random.nextInt(), LIFETIME, 0, server)) {
            peer.account.allOut().endsWith(TIMEOUT_LIFETIME);
            peer.pingPongUntilTheEnd(random);
        }
    }

    private void sluggard(Random random) throws Exception {
        try (Peer peer = connect(Part.GREETER, 0, READ_RATE, 0, server)) {
            peer.account.endsWith(LIMIT_READ_RATE);
            peer.receiveAside(1);
            for (int i = 0; i < 25 * PATIENCE_SECONDS && !peer.account.closed.isDone(); i++) {
                try {
                    peer.send(1);
                } catch (SocketException cutOff) {
                    break;
                }
                pause(40);
            }
            peer.account.closed.get(PATIENCE_SECONDS, SECONDS);
        }
    }

    /** More at once than the server admits: some wait in the backlog. */
    private void mob(Random random) throws Exception {
        List<Peer> peers = new ArrayList<>();
        try {
            for (int i = 0; i < 40; i++) {
                Peer peer = connect(random, Part.ECHO);
                peers.add(peer);
                peer.account.allIn().allOut().endsWith(PEER_CLOSED);
                peer.send(100);
            }
            for (Peer peer : peers) {
                peer.receive(100);
                peer.close();
            }
        } finally {
            for (Peer peer : peers) {
                peer.close();
            }
        }
    }

    /** No peer: somebody who uses the handle of a socket that has closed. */
    private void ghost() throws Exception {
        SocketHandle socket = application.dead.poll();
        if (socket == null) {
            return;
        }
        AtomicInteger ended = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        for (int i = 0; i < 10; i++) {
            socket.write(ByteBuffer.allocate(10), ended::incrementAndGet, failure -> refused.incrementAndGet());
            socket.write(ByteBuffer.allocate(10));
            socket.read();
            socket.startReading();
            socket.stopReading();
            socket.timeouts(Timeouts.DEFAULT);
            socket.messageBegins();
            socket.messageEnds();
            socket.shutdownOutput();
            socket.close();
            socket.abort();
        }
        assertThat(socket.isOpen()).isFalse();
        assertThat(socket.closeReason()).isPresent();
        for (long end = System.nanoTime() + SECONDS.toNanos(PATIENCE_SECONDS); refused.get() < 10; pause(1)) {
            assertThat(System.nanoTime() - end)
                    .as("waiting for writes to a closed socket to fail: %s", refused)
                    .isNegative();
        }
        assertThat(ended).as("writes to a closed socket that ended well").hasValue(0);
    }

    // ---- One peer ----

    Peer connect(Random random, Part part) throws IOException {
        return connect(random, part, null, 0);
    }

    private Peer connect(Random random, Part part, @Nullable Timeouts timeouts, int receiveBuffer) throws IOException {
        return connect(part, random.nextLong() >>> 1, timeouts, receiveBuffer, server);
    }

    private Peer connect(Part part, long choice, @Nullable Timeouts timeouts, int receiveBuffer, SocketAddress endpoint)
            throws IOException {
        InetAddress address = nextAddress();
        SoakAccount account =
                new SoakAccount(address, part, choice, timeouts, SoakStream.mix(seed + address.hashCode()));
        application.accounts.put(address, account);
        return new Peer(account, receiveBuffer, endpoint);
    }

    private InetAddress nextAddress() throws UnknownHostException {
        int number = connections.getAndIncrement() % (254 << 16);
        return InetAddress.getByAddress(
                new byte[] {127, (byte) (1 + (number >>> 16)), (byte) (number >>> 8), (byte) number});
    }

    static final class Peer implements AutoCloseable {
        final SoakAccount account;
        final Socket socket = new Socket();

        Peer(SoakAccount account, int receiveBuffer, SocketAddress server) throws IOException {
            this.account = account;
            try {
                socket.setTcpNoDelay(true);
                socket.setSoTimeout(PATIENCE_SECONDS * 1000);
                if (receiveBuffer > 0) {
                    socket.setReceiveBufferSize(receiveBuffer);
                }
                socket.bind(new InetSocketAddress(account.address, 0));
                socket.connect(server, PATIENCE_SECONDS * 1000);
            } catch (IOException failure) {
                try (socket) {
                    if (isShedAtOnce()) {
                        throw new Shed(account.toString());
                    }
                    throw failure;
                }
            }
        }

        /** What the server writes to it was too much before this side had heard that it is connected. */
        private boolean isShedAtOnce() {
            return account.part.isOnePeer()
                    && account.opened.get() > 0
                    && account.closed
                                    .copy()
                                    .completeOnTimeout(CloseReason.ERROR, PATIENCE_SECONDS, SECONDS)
                                    .join()
                            == LIMIT_MEMORY;
        }

        void send(int count) throws Exception {
            try {
                socket.getOutputStream().write(account.sent.next(count));
            } catch (SocketException cutOff) {
                throw orShed(cutOff);
            }
        }

        /**
         * The failure, or what tells that the server had too much queued and has chosen this peer. The kernel tells of RST
         * once: when the thread that sends has heard of it, the one that receives finds an end.
         */
        private Exception orShed(IOException cutOff) throws Exception {
            boolean isOurs = socket.isClosed() || !account.part.isOnePeer();
            if (isOurs) {
                return cutOff;
            }
            if (account.closed.get(PATIENCE_SECONDS, SECONDS) != LIMIT_MEMORY) {
                cutOff.addSuppressed(new IOException(account.toString()));
                return cutOff;
            }
            return new Shed(account.toString());
        }

        void sendInPieces(int total, Random random, int most) throws Exception {
            Random sizes = new Random(random.nextLong());
            for (int left = total; left > 0; ) {
                int n = Math.min(left, 1 + sizes.nextInt(most));
                send(n);
                left -= n;
            }
        }

        /** The next bytes of the stream. */
        void receive(int count) throws Exception {
            byte[] bytes = new byte[Math.min(count, 64 * 1024)];
            for (int left = count; left > 0; ) {
                int n;
                try {
                    n = socket.getInputStream().read(bytes, 0, Math.min(bytes.length, left));
                } catch (SocketException cutOff) {
                    throw orShed(cutOff);
                }
                if (n < 0) {
                    throw orShed(new EOFException("FIN, but " + left + " of " + count + " bytes are due: " + account));
                }
                account.received.check(ByteBuffer.wrap(bytes, 0, n));
                left -= n;
            }
        }

        /** Bytes that are none of the stream. */
        byte[] receiveAside(int count) throws Exception {
            byte[] bytes;
            try {
                bytes = socket.getInputStream().readNBytes(count);
            } catch (SocketException cutOff) {
                throw orShed(cutOff);
            }
            account.asideReceived.addAndGet(bytes.length);
            if (bytes.length < count) {
                throw orShed(new EOFException("FIN after " + bytes.length + " of " + count + " bytes: " + account));
            }
            return bytes;
        }

        void receiveEnd() throws Exception {
            int more;
            try {
                more = socket.getInputStream().read();
            } catch (SocketException cutOff) {
                throw orShed(cutOff);
            }
            assertThat(more).as("a byte where FIN was due: %s", account).isEqualTo(-1);
        }

        /** Up to FIN or RST. */
        void receiveWhatComes() throws IOException {
            byte[] bytes = new byte[64 * 1024];
            try {
                for (int n; (n = socket.getInputStream().read(bytes)) >= 0; ) {
                    account.received.check(ByteBuffer.wrap(bytes, 0, n));
                }
            } catch (SocketException reset) {
                assertThat(socket.isClosed()).isFalse();
            }
        }

        /** Never more on its way than one message, so that a late one has nothing to destroy. */
        void pingPongUntilTheEnd(Random random) throws Exception {
            byte[] bytes = new byte[4096];
            try {
                while (true) {
                    int count = 1 + random.nextInt(bytes.length);
                    socket.getOutputStream().write(account.sent.next(count));
                    for (int left = count; left > 0; ) {
                        int n = socket.getInputStream().read(bytes, 0, left);
                        if (n < 0) {
                            return;
                        }
                        account.received.check(ByteBuffer.wrap(bytes, 0, n));
                        left -= n;
                    }
                }
            } catch (SocketException endedMeanwhile) {
                assertThat(socket.isClosed()).isFalse();
            }
        }

        /** RST instead of FIN. */
        void reset() throws IOException {
            socket.setSoLinger(true, 0);
            close();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    /** A peer that the server has chosen since it had too much queued. */
    private static final class Shed extends RuntimeException {
        private static final long serialVersionUID = 1;

        Shed(String account) {
            super(account);
        }
    }

    // ---- Small things ----

    private interface Action {
        void run() throws Exception;
    }

    private Future<?> background(Action action) {
        return threads.submit((Callable<?>) () -> {
            action.run();
            return null;
        });
    }

    private static void done(Future<?> future) throws Exception {
        future.get(PATIENCE_SECONDS, SECONDS);
    }

    /** Being slow is what the peer is for. */
    private static void pause(int millis) {
        LockSupport.parkNanos(MILLISECONDS.toNanos(millis));
    }
}
