package io.rocketsockets;

import static io.rocketsockets.WithoutBystander.IT_COUNTS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.DataInputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Group D: bytes go. */
abstract class WriteContract extends EngineContract {
    private static final Duration SOON = Duration.ofSeconds(20);

    private static void assertSocketClosed(CompletableFuture<Void> write) {
        assertThat(write).failsWithin(SOON).withThrowableThat().withCauseInstanceOf(SocketClosedException.class);
    }

    // ---- Order and completion ----

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void d1_writesOfManyThreadsLeaveWholeAndInTheOrderOfEachThread(int eventLoops) throws Exception {
        int threads = 16;
        int perThread = 300;
        TestServer server = server(x -> x.eventLoops(eventLoops).writeQueueLimit(Integer.MAX_VALUE))
                .start(idle());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        List<CompletableFuture<Void>> writes = new ArrayList<>();
        List<CompletableFuture<List<CompletableFuture<Void>>>> writers = IntStream.range(0, threads)
                .mapToObj(thread -> async(() -> IntStream.range(0, perThread)
                        .mapToObj(i -> write(socket, frame(thread, i)))
                        .toList()))
                .toList();
        DataInputStream input = new DataInputStream(client.socket.getInputStream());
        int[] next = new int[threads];
        for (int i = 0; i < threads * perThread; i++) {
            int thread = input.readInt();
            int number = input.readInt();
            assertThat(number).isEqualTo(next[thread]++);
            for (byte each : input.readNBytes(input.readInt())) {
                assertThat(each).isEqualTo((byte) thread);
            }
        }
        for (CompletableFuture<List<CompletableFuture<Void>>> writer : writers) {
            writes.addAll(writer.get(20, SECONDS));
        }
        assertThat(writes)
                .hasSize(threads * perThread)
                .allSatisfy(write -> assertThat(write).succeedsWithin(SOON));
    }

    /** Thread, number, size, and a body of small and of large sizes. */
    private static ByteBuffer frame(int thread, int number) {
        int size = (thread * 31 + number * 17) % 50 == 0 ? 20_000 : number % 200;
        ByteBuffer frame =
                ByteBuffer.allocate(12 + size).putInt(thread).putInt(number).putInt(size);
        while (frame.hasRemaining()) {
            frame.put((byte) thread);
        }
        return frame.flip();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void d2_buffersOfEveryKindAreWrittenFromPositionToLimit(boolean onLoop) throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        List<ByteBuffer> buffers = new ArrayList<>();
        ByteBuffer expected = ByteBuffer.allocate(4 * 1024 * 1024);
        for (int size : new int[] {0, 1, 4096, 4097, 16 * 1024, 300_000}) {
            byte[] content = random(size, size);
            for (ByteBuffer buffer : List.of(
                    ByteBuffer.wrap(content.clone()),
                    ByteBuffer.allocateDirect(size).put(content).flip(),
                    ByteBuffer.wrap(content.clone()).asReadOnlyBuffer(),
                    ByteBuffer.allocate(size + 9)
                            .position(4)
                            .put(content)
                            .limit(size + 4)
                            .position(4),
                    ByteBuffer.allocateDirect(size + 9)
                            .position(9)
                            .put(content)
                            .position(9)
                            .slice())) {
                buffers.add(buffer);
                expected.put(content);
            }
        }
        List<Integer> before = buffers.stream().map(ByteBuffer::hashCode).toList();
        Queue<Integer> completed = new ConcurrentLinkedQueue<>();
        CompletableFuture<Void> allDone = new CompletableFuture<>();
        Runnable writing = () -> {
            for (int i = 0; i < buffers.size(); i++) {
                int number = i;
                book.socket.write(
                        buffers.get(i),
                        () -> {
                            completed.add(number);
                            if (number == buffers.size() - 1) {
                                allDone.complete(null);
                            }
                        },
                        allDone::completeExceptionally);
            }
        };
        if (onLoop) {
            book.onLoop(() -> {
                writing.run();
                return null;
            });
        } else {
            writing.run();
        }
        assertThat(client.receiveBytes(expected.position()))
                .isEqualTo(Arrays.copyOf(expected.array(), expected.position()));
        assertThat(allDone).succeedsWithin(SOON);
        assertThat(completed)
                .containsExactlyElementsOf(
                        IntStream.range(0, buffers.size()).boxed().toList());
        assertThat(buffers.stream().map(ByteBuffer::hashCode))
                .as("position, limit and content stay")
                .isEqualTo(before);
    }

    @Test
    void d2_anEmptyWriteCompletesAfterThoseBeforeItWhereverItIsMade() throws Exception {
        Queue<String> order = new ConcurrentLinkedQueue<>();
        TestServer server = serve(socket -> {
            socket.startReading();
            socket.write(bytes(""), () -> order.add("connected"), failure -> {});
            return bytes -> {
                socket.write(bytes("x"), () -> order.add("x"), failure -> {});
                socket.write(
                        bytes(""),
                        () -> {
                            order.add("received");
                            socket.write(bytes(""), () -> order.add("completed"), failure -> {});
                        },
                        failure -> {});
            };
        });
        Client client = server.connect();
        assertThat(write(server.socket(client), bytes(""))).succeedsWithin(SOON);
        assertThat(client.exchange("x")).isEqualTo("x");
        await().untilAsserted(() -> assertThat(order).containsExactly("connected", "x", "received", "completed"));
        TestServer onlyEmpty = serve(socket -> {
            socket.startReading();
            return bytes -> socket.write(bytes(""), () -> socket.write(bytes("done")), failure -> {});
        });
        assertThat(onlyEmpty.connect().send("x").receive(4)).isEqualTo("done");
    }

    @Test
    void d2_thousandsOfSmallWritesWaitForAPeerThatDoesNotRead() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        byte[] first = random(1, MORE_THAN_THE_KERNEL_TAKES);
        write(book.socket, ByteBuffer.wrap(first));
        book.awaitBlocked();
        ByteBuffer expected = ByteBuffer.allocate(3000 * 7);
        List<CompletableFuture<Void>> writes = new ArrayList<>();
        for (int i = 0; i < 3000; i++) {
            byte[] small = random(i, 7);
            expected.put(small);
            writes.add(write(book.socket, ByteBuffer.wrap(small)));
        }
        assertThat(client.receiveBytes(first.length)).isEqualTo(first);
        assertThat(client.receiveBytes(expected.capacity())).isEqualTo(expected.array());
        assertThat(writes).allSatisfy(write -> assertThat(write).succeedsWithin(SOON));
    }

    @Test
    void aBufferMayBeUsedAgainInItsOnComplete() throws Exception {
        int rounds = 500;
        int size = 10_000;
        TestServer server = serve(socket -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(size);
            new Runnable() {
                private int round;

                @Override
                public void run() {
                    if (round < rounds) {
                        buffer.clear();
                        while (buffer.hasRemaining()) {
                            buffer.put((byte) round);
                        }
                        buffer.flip();
                        round++;
                        socket.write(buffer, this, failure -> {});
                    }
                }
            }.run();
            return bytes -> {};
        });
        Client client = server.connect();
        for (int round = 0; round < rounds; round++) {
            assertThat(client.receiveBytes(size)).containsOnly(round);
        }
    }

    @Test
    void aWriteOfAnotherThreadKeepsThePositionAndLimitOfItsCall() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        ByteBuffer alphabet = bytes("abcdefghijklmnopqrstuvwxyz");
        List<CompletableFuture<Void>> writes = new ArrayList<>();
        for (int i = 0; i < 26; i++) {
            alphabet.limit(i + 1).position(i);
            writes.add(write(socket, alphabet));
        }
        alphabet.clear().limit(0);
        assertThat(client.receive(26)).isEqualTo("abcdefghijklmnopqrstuvwxyz");
        assertThat(writes).allSatisfy(write -> assertThat(write).succeedsWithin(SOON));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void d7_writesChainedByOnCompleteDoNotPileUpOnTheStack(int size) throws Exception {
        int writes = 200_000;
        CompletableFuture<Integer> deepest = new CompletableFuture<>();
        TestServer server = serve(socket -> {
            ByteBuffer payload = ByteBuffer.allocate(size);
            new Runnable() {
                private int left = writes;

                @Override
                public void run() {
                    if (left-- > 0) {
                        socket.write(payload, this, deepest::completeExceptionally);
                    } else {
                        deepest.complete(new Throwable().getStackTrace().length);
                    }
                }
            }.run();
            return bytes -> {};
        });
        assertThat(server.connect().receiveBytes(size * writes)).hasSize(size * writes);
        assertThat(deepest.get(20, SECONDS)).isLessThan(100);
    }

    // ---- Echo ----

    /** Sends and receives at the same time and compares the check sums. */
    private static void assertEchoes(Client client, long total) throws Exception {
        byte[] chunk = random(total, 1 << 20);
        CompletableFuture<Long> sent = async(() -> {
            CRC32C crc = new CRC32C();
            for (long left = total; left > 0; left -= chunk.length) {
                int n = (int) Math.min(left, chunk.length);
                chunk[(int) (left % 997)]++;
                crc.update(chunk, 0, n);
                client.socket.getOutputStream().write(chunk, 0, n);
            }
            client.endOutput();
            return crc.getValue();
        });
        CRC32C crc = new CRC32C();
        byte[] received = new byte[1 << 16];
        long count = 0;
        for (int n; (n = client.socket.getInputStream().read(received)) > 0; count += n) {
            crc.update(received, 0, n);
        }
        assertThat(count).isEqualTo(total);
        assertThat(crc.getValue()).isEqualTo(sent.get(20, SECONDS));
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void c3_anEchoOf64MiBIsTheSame() throws Exception {
        long total = 64L << 20;
        TestServer server = serve(echo());
        Client client = server.connect();
        assertEchoes(client, total);
        assertThat(server.book(client).awaitClosed()).isEqualTo(CloseReason.PEER_CLOSED);
        ServerStats stats = server.server.stats();
        assertThat(List.of(stats.bytesRead(), stats.bytesWritten())).containsOnly(total);
    }

    @Tag("long")
    @Timeout(600)
    @ParameterizedTest
    @ValueSource(longs = {1L << 30, (4L << 30) + 1})
    @WithoutBystander(IT_COUNTS)
    void c3_anEchoOfGigabytesIsTheSame(long total) throws Exception {
        TestServer server = serve(2, echo());
        Client client = server.connect();
        assertEchoes(client, total);
        assertThat(server.server.stats().bytesWritten()).isEqualTo(total);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theReceivedViewCanBeWrittenToAnotherSocket(int eventLoops) throws Exception {
        // Every connection is relayed to the one before it, which reads slowly: on two loops to the other loop.
        AtomicReference<SocketHandle> last = new AtomicReference<>();
        TestServer server = server(x -> x.eventLoops(eventLoops).writeQueueLimit(Integer.MAX_VALUE))
                .start(socket -> {
                    SocketHandle target = last.getAndSet(socket);
                    socket.startReading();
                    return target == null ? bytes -> {} : target::write;
                });
        Client target = server.connect();
        server.book(target);
        Client source = server.connect();
        Ledger.Book book = server.book(source);
        byte[] sent = random(eventLoops, MORE_THAN_THE_KERNEL_TAKES);
        source.send(sent);
        book.awaitReceived(sent.length);
        server.book(target).awaitBlocked();
        source.send("and more to overwrite the receive buffer").endOutput();
        assertThat(target.receiveBytes(sent.length)).isEqualTo(sent);
    }

    @Test
    void piecesOfTheReceivedViewCanBeWrittenInAnyOrder() throws Exception {
        TestServer server = serve(socket -> {
            socket.startReading();
            return bytes -> {
                for (int i = bytes.limit() - 1; i >= 0; i--) {
                    socket.write(bytes.duplicate().limit(i + 1).position(i));
                }
            };
        });
        assertThat(server.connect().exchange("stressed")).isEqualTo("desserts");
    }

    // ---- Slow peers ----

    @Test
    void d3_aPeerThatDoesNotReadIsNotReadAndTheQueueStaysBounded() throws Exception {
        int readBuffer = 16 * 1024;
        int high = 64 * 1024;
        AtomicLong most = new AtomicLong();
        TestServer server = server(x -> x.readBufferSize(readBuffer).writeWaterMarks(32 * 1024, high))
                .start(socket -> {
                    socket.startReading();
                    return bytes -> {
                        socket.write(bytes);
                        most.accumulateAndGet(socket.unsentBytes(), Math::max);
                    };
                });
        Client client = server.connect();
        Client canary = server.connect();
        Ledger.Book book = server.book(client);
        byte[] sent = random(3, 3 * MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Client> sending = async(() -> client.send(sent));
        await().until(() -> most.get() > high); // of which the kernel may take some yet, but for the low mark
        book.awaitBlocked();
        for (int i = 0; i < 20; i++) {
            assertThat(canary.exchange("canary")).isEqualTo("canary");
        }
        int deliveries = book.deliveries.get();
        book.awaitTurns();
        assertThat(book.deliveries).as("deliveries while congested").hasValue(deliveries);
        assertThat(sending).isNotDone();
        assertThat(client.receiveBytes(sent.length)).isEqualTo(sent);
        sending.get(20, SECONDS);
        assertThat(most.get()).isBetween((long) high, (long) high + readBuffer);
        await().until(() -> book.socket.unsentBytes() == 0);
    }

    @Test
    void d3_readingGoesOnOnlyBelowTheLowMark() throws Exception {
        int low = 1 << 20;
        TestServer server = server(x -> x.writeWaterMarks(low, 2 << 20).writeQueueLimit(Integer.MAX_VALUE))
                .start(discard());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        Queue<Long> unsentAtDelivery = new ConcurrentLinkedQueue<>();
        write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        client.send("x");
        book.awaitTurns();
        assertThat(book.deliveries).hasValue(0);
        int taken = 0;
        while (book.deliveries.get() == 0) {
            taken += client.receiveBytes(64 * 1024).length;
            // Read on the loop, together with what was delivered by then.
            book.onLoop(() -> book.deliveries.get() == 0 || unsentAtDelivery.add(book.socket.unsentBytes()));
        }
        assertThat(unsentAtDelivery).allSatisfy(unsent -> assertThat(unsent).isLessThanOrEqualTo(low));
        assertThat(taken).isLessThan(MORE_THAN_THE_KERNEL_TAKES);
    }

    @Test
    void d3_aFullQueueRefusesAWriteAndTakesOneAgainLater() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(100_000)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        byte[] first = random(1, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Void> queued = write(book.socket, ByteBuffer.wrap(first));
        book.awaitBlocked();
        CompletableFuture<Void> refused = write(book.socket, bytes("refused"));
        assertThat(refused)
                .failsWithin(SOON)
                .withThrowableThat()
                .havingCause()
                .isInstanceOf(WriteQueueFullException.class)
                .withMessageContaining("writeQueueLimit=100000")
                .withMessageContaining("socket=" + book.socket.id());
        assertThat(queued).isNotDone();
        assertThat(book.socket.isOpen()).isTrue();
        assertThat(client.receiveBytes(first.length)).isEqualTo(first);
        assertThat(queued).succeedsWithin(SOON);
        assertThat(write(book.socket, bytes("later"))).succeedsWithin(SOON);
        assertThat(client.receive(5)).isEqualTo("later");
    }

    @OfTcp(OfTcp.RESETS)
    @Test
    void d3_aPlainWriteToAFullQueueClosesTheSocket() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(100_000)).start(idle());
        Client client = server.connect();
        Client other = server.connect();
        Ledger.Book book = server.book(client);
        CompletableFuture<Void> queued = write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        book.socket.write(bytes("too much"));
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.LIMIT_WRITE_QUEUE);
        assertSocketClosed(queued);
        assertThat(client.isReset()).isTrue();
        assertThat(server.socket(other).isOpen()).isTrue();
    }

    @Test
    void d3_oneWriteOfAnySizeIsTakenWhileTheQueueIsBelowItsLimit() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(64 * 1024)).start(idle());
        Client client = server.connect();
        byte[] large = random(1, MORE_THAN_THE_KERNEL_TAKES);
        CompletableFuture<Void> write = write(server.socket(client), ByteBuffer.wrap(large));
        assertThat(client.receiveBytes(large.length)).isEqualTo(large);
        assertThat(write).succeedsWithin(SOON);
    }

    @Test
    @WithoutBystander(IT_COUNTS)
    void unsentBytesCountEverythingThatTheKernelHasNotTaken() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        assertThat(book.socket.unsentBytes()).isZero();
        write(book.socket, ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES));
        book.awaitBlocked();
        await().until(() ->
                MORE_THAN_THE_KERNEL_TAKES - server.server.stats().bytesWritten() == book.socket.unsentBytes());
        long blocked = book.socket.unsentBytes();
        for (int i = 1; i <= 2000; i++) {
            book.socket.write(ByteBuffer.allocate(10));
            // Never less, also while a write is on its way from this thread to the loop.
            for (int look = 0; look < 20; look++) {
                assertThat(book.socket.unsentBytes()).isGreaterThanOrEqualTo(blocked + 10L * i);
            }
        }
        assertThat(book.<Long>onLoop(book.socket::unsentBytes)).isEqualTo(blocked + 20_000);
        client.receiveBytes(MORE_THAN_THE_KERNEL_TAKES + 20_000);
        await().until(() -> book.socket.unsentBytes() == 0);
    }

    // ---- Writes that fail ----

    @Test
    void d6_aWriteAfterCloseFailsOnceAndAPlainOneIsIgnored() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        book.socket.close();
        assertSocketClosed(write(book.socket, bytes("x")));
        book.socket.write(bytes("x"));
        assertThat(client.receiveAll()).isEmpty();
        client.close();
        book.awaitClosed();
        assertSocketClosed(write(book.socket, bytes("x")));
        book.socket.write(bytes("x"));
        CompletableFuture<Void> onLoop = book.onLoop(() -> write(book.socket, bytes("x")));
        assertSocketClosed(onLoop);
    }

    @Test
    void d6_writesInCallbacksThatCloseFailAfterThem() throws Exception {
        Queue<String> events = new ConcurrentLinkedQueue<>();
        TestServer server = serve(socket -> {
            socket.read();
            return session(
                    bytes -> {
                        socket.write(bytes("last"), () -> events.add("last done"), failure -> events.add("lost"));
                        socket.close();
                        socket.write(bytes("x"), () -> events.add("done"), failure -> events.add("failed"));
                        events.add("returns");
                    },
                    () -> socket.write(bytes("x"), () -> {}, failure -> events.add("failed in the close action")));
        });
        Client client = server.connect().send("x");
        assertThat(client.receiveAll()).isEqualTo("last");
        client.close();
        await().untilAsserted(() -> assertThat(events)
                .containsExactlyInAnyOrder("returns", "last done", "failed", "failed in the close action"));
        assertThat(events.peek()).isEqualTo("returns");
    }

    @Test
    void d6_aWriteAfterShutdownOutputFailsOnce() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        SocketHandle socket = server.socket(client);
        CompletableFuture<Void> before = write(socket, bytes("before"));
        socket.shutdownOutput();
        CompletableFuture<Void> after = write(socket, bytes("after"));
        assertThat(client.receiveAll()).isEqualTo("before");
        assertThat(before).succeedsWithin(SOON);
        assertSocketClosed(after);
    }

    @Test
    void d6_aWriteOfNullIsRefused() throws Exception {
        TestServer server = serve(idle());
        server.connect();
        await().until(() -> !server.ledger.books().isEmpty());
        String id = server.ledger.books().iterator().next().socket.id();
        SocketHandle socket = server.server.socket(id).orElseThrow();
        assertThatThrownBy(() -> socket.write(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> socket.write(null, () -> {}, failure -> {}))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("bytes");
        assertThatThrownBy(() -> socket.write(bytes("x"), null, failure -> {}))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("onComplete");
        assertThatThrownBy(() -> socket.write(bytes("x"), () -> {}, null))
                .isInstanceOf(NullPointerException.class)
                .hasMessage("onException");
        assertThat(socket.isOpen()).isTrue();
    }

    @Test
    void d8_aPeerThatResetsFailsWhatIsQueuedForIt() throws Exception {
        TestServer server = server(x -> x.writeQueueLimit(Integer.MAX_VALUE)).start(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        AtomicBoolean firstFailed = new AtomicBoolean();
        CompletableFuture<Boolean> order = new CompletableFuture<>();
        book.socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES), () -> {}, failure -> firstFailed.set(true));
        book.socket.write(bytes("x"), () -> {}, failure -> order.complete(firstFailed.get()));
        book.awaitBlocked();
        client.reset();
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
        assertThat(order).isCompletedWithValue(true);
        assertThat(book.socket.unsentBytes()).isZero();
    }

    @Test
    void d8_writingToAPeerThatIsGoneEndsInPeerReset() throws Exception {
        TestServer server = serve(idle());
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        client.close();
        // The first writes may still be taken; the answer to them is RST.
        await().until(() -> {
            book.socket.write(bytes("x"));
            return !book.socket.isOpen();
        });
        assertThat(book.awaitClosed()).isEqualTo(CloseReason.PEER_RESET);
    }

    @Test
    void d9_aWindowThatOpensAgainLosesNothing() throws Exception {
        byte[] sent = random(9, MORE_THAN_THE_KERNEL_TAKES);
        TestServer server = serve(socket -> {
            socket.write(ByteBuffer.wrap(sent));
            socket.close();
            return bytes -> {};
        });
        Client client = server.connect();
        Ledger.Book book = server.book(client);
        ByteBuffer received = ByteBuffer.allocate(sent.length);
        for (int size = 1; received.hasRemaining(); size = Math.min(2 * size, received.remaining())) {
            book.awaitTurns();
            received.put(client.receiveBytes(Math.min(size, received.remaining())));
        }
        assertThat(received.array()).isEqualTo(sent);
        assertThat(client.receiveAll()).isEmpty();
    }

    @Tag("long")
    @Timeout(600)
    @Test
    void d10_aWriteOfTheLargestBufferIsTaken() throws Exception {
        Path file = Files.createTempFile("rocketsockets", ".sparse");
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
            ByteBuffer largest = channel.map(FileChannel.MapMode.READ_WRITE, 0, Integer.MAX_VALUE);
            TestServer server = serve(idle());
            Client client = server.connect();
            CompletableFuture<Void> write = write(server.socket(client), largest);
            byte[] received = new byte[1 << 16];
            long count = 0;
            while (count < Integer.MAX_VALUE) {
                count += client.socket.getInputStream().read(received);
            }
            assertThat(write).succeedsWithin(SOON);
        }
    }

    @Test
    void f4_aWriteOfAnotherThreadAlwaysWakesTheLoop() throws Exception {
        TestServer server = serve(2, idle());
        List<Client> clients = List.of(server.connect(), server.connect());
        List<SocketHandle> sockets = clients.stream().map(server::socket).toList();
        AtomicInteger completed = new AtomicInteger();
        for (int i = 0; i < 5000; i++) {
            sockets.get(i % 2).write(bytes("!"), completed::incrementAndGet, failure -> {});
            assertThat(clients.get(i % 2).receive(1)).isEqualTo("!");
        }
        await().untilAsserted(() -> assertThat(completed).hasValue(5000));
    }

    @Test
    void d1_theFirstCallsOfTwoThreadsBothArrive() throws Exception {
        TestServer server = serve(idle());
        AtomicReference<SocketHandle> first = new AtomicReference<>();
        AtomicBoolean over = new AtomicBoolean();
        CompletableFuture<Void> other = async(() -> {
            ByteBuffer bytes = bytes("x");
            while (!over.get()) { // in step with the test's thread: a handover would take longer than the call
                SocketHandle socket = first.getAndSet(null);
                if (socket != null) {
                    socket.write(bytes);
                }
            }
            return null;
        });
        try {
            for (int i = 0; i < 500; i++) {
                try (Client client = server.connect()) {
                    SocketHandle socket = server.socket(client);
                    ByteBuffer bytes = bytes("x");
                    first.set(socket);
                    socket.write(bytes);
                    assertThat(client.receive(2)).isEqualTo("xx");
                }
            }
        } finally {
            over.set(true);
        }
        assertThat(other).succeedsWithin(SOON);
    }
}
