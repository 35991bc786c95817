package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.engine.TransportException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class WriteQueueTest {
    private static final int CHUNK = 16 * 1024;

    private final WriteBuffers buffers = new WriteBuffers(CHUNK);
    private final FakeTransport transport = new FakeTransport();
    private final WriteQueue queue = new WriteQueue();
    private final List<Integer> done = new ArrayList<>();

    private static ByteBuffer bytes(int seed, int count) {
        return ByteBuffer.wrap(EngineContract.random(seed, count));
    }

    private boolean add(ByteBuffer bytes) {
        return queue.add(bytes, false, buffers);
    }

    private static byte[] concat(ByteBuffer... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (ByteBuffer part : parts) {
            all.writeBytes(content(part));
        }
        return all.toByteArray();
    }

    private static byte[] content(ByteBuffer buffer) {
        byte[] content = new byte[buffer.remaining()];
        buffer.get(buffer.position(), content);
        return content;
    }

    static IntStream seeds() {
        return IntStream.range(0, 100);
    }

    @Test
    void anEmptyQueueIsIdle() throws Exception {
        assertThat(queue.isEmpty()).isTrue();
        assertThat(queue.isIdle()).isTrue();
        assertThat(queue.flush(transport, buffers)).isTrue();
        assertThat(transport.writes).isZero();
        assertThat(queue.pollDone()).isNull();
        assertThat(queue.pollDue()).isNull();
        assertThat(queue.unsentBytes()).isZero();
    }

    @Test
    void smallWritesLeaveTogether() throws Exception {
        ByteBuffer one = bytes(1, 10);
        ByteBuffer two = bytes(2, 20);
        add(one);
        add(two);
        assertThat(queue.unsentBytes()).isEqualTo(30);
        assertThat(queue.flush(transport, buffers)).isTrue();
        assertThat(transport.writes).isOne();
        assertThat(transport.sent.toByteArray()).isEqualTo(concat(one, two));
        assertThat(queue.unsentBytes()).isZero();
    }

    @Test
    void aSmallWriteIsCopiedAndALargeOneIsNot() throws Exception {
        ByteBuffer small = ByteBuffer.allocate(4096);
        ByteBuffer large = ByteBuffer.allocate(4097);
        assertThat(add(small)).as("refers to the small one").isFalse();
        assertThat(add(large)).as("refers to the large one").isTrue();
        small.put(0, (byte) 1);
        large.put(0, (byte) 1);
        queue.flush(transport, buffers);
        assertThat(transport.sent.toByteArray()[0]).isZero();
        assertThat(transport.sent.toByteArray()[4096]).isOne();
    }

    @Test
    void buffersStayAsTheyAre() throws Exception {
        for (int size : new int[] {0, 100, 10_000}) {
            ByteBuffer buffer = ByteBuffer.allocate(size + 2).position(1).limit(size + 1);
            add(buffer);
            queue.flush(transport, buffers);
            assertThat(buffer.position()).isOne();
            assertThat(buffer.limit()).isEqualTo(size + 1);
        }
    }

    @Test
    void anEmptyWriteIsDoneWithThoseBeforeIt() throws Exception {
        whenTaken(0);
        assertThat(queue.isEmpty()).isTrue();
        assertThat(queue.isIdle()).isFalse();
        assertThat(queue.pollDone()).isNotNull();
        add(bytes(1, 5));
        add(ByteBuffer.allocate(0));
        whenTaken(0);
        assertThat(queue.pollDone()).isNull();
        queue.flush(transport, buffers);
        assertThat(queue.pollDone()).isNotNull();
        assertThat(queue.isIdle()).isTrue();
    }

    private void whenTaken(int number) {
        queue.whenTaken(() -> done.add(number), failure -> {}, buffers);
    }

    private void tellDone() {
        for (Completion next = queue.pollDone(); next != null; next = queue.pollDone()) {
            next.onComplete.run();
            buffers.release(next);
        }
    }

    @Test
    void aWriteIsDoneOnceItsLastByteIsTaken() throws Exception {
        add(bytes(1, 10));
        whenTaken(0);
        add(bytes(2, 10));
        whenTaken(1);
        transport.room = 9;
        assertThat(queue.flush(transport, buffers)).isFalse();
        tellDone();
        assertThat(done).isEmpty();
        transport.room = 1;
        queue.flush(transport, buffers);
        tellDone();
        assertThat(done).containsExactly(0);
        transport.room = 10;
        queue.flush(transport, buffers);
        tellDone();
        assertThat(done).containsExactly(0, 1);
    }

    @Test
    void aWriteOfWhichTheTransportHasACopyIsDoneOnceTheKernelHasIt() throws Exception {
        add(bytes(1, 10));
        whenTaken(0);
        transport.sendsLater = true;
        assertThat(queue.flush(transport, buffers)).isTrue();
        tellDone();
        assertThat(done).isEmpty();
        assertThat(queue.isEmpty()).isFalse();
        assertThat(queue.unsentBytes()).isEqualTo(10);
        queue.advance(transport.sendPending(9));
        tellDone();
        assertThat(done).isEmpty();
        queue.advance(transport.sendPending(1));
        tellDone();
        assertThat(done).containsExactly(0);
        assertThat(queue.isEmpty()).isTrue();
    }

    @Test
    void whatABlockedSocketKeepsIsIndependentOfBorrowedBuffersAndChunks() throws Exception {
        ByteBuffer small = bytes(1, 100);
        ByteBuffer borrowed = bytes(2, 10_000);
        ByteBuffer more = bytes(3, 50);
        byte[] expected = concat(small, borrowed, more);
        add(small);
        queue.add(borrowed, true, buffers);
        add(more);
        transport.room = 60;
        assertThat(queue.flush(transport, buffers)).isFalse();
        queue.keep(buffers);
        // The chunks went back to the pool and the borrowed buffer to its owner: both are used for something else.
        Arrays.fill(borrowed.array(), (byte) 0xDD);
        WriteQueue other = new WriteQueue();
        for (int i = 0; i < 20; i++) {
            other.add(ByteBuffer.wrap(new byte[4000]), false, buffers);
        }
        transport.room = Integer.MAX_VALUE;
        assertThat(queue.flush(transport, buffers)).isTrue();
        assertThat(transport.sent.toByteArray()).isEqualTo(expected);
    }

    @Test
    void smallWritesToABlockedSocketDoNotTakeABufferEach() throws Exception {
        transport.room = 0;
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int i = 0; i < 10_000; i++) {
            expected.write(i);
            add(ByteBuffer.wrap(new byte[] {(byte) i}));
            if (i == 0) {
                assertThat(queue.flush(transport, buffers)).isFalse();
            }
            queue.keep(buffers);
        }
        transport.room = Integer.MAX_VALUE;
        transport.writes = 0;
        assertThat(queue.flush(transport, buffers)).isTrue();
        assertThat(transport.writes).as("gathered writes of 64 buffers").isLessThan(10);
        assertThat(transport.sent.toByteArray()).isEqualTo(expected.toByteArray());
    }

    @Test
    void moreChunksThanThePoolHasAreTakenFromTheHeap() throws Exception {
        List<WriteQueue> queues = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            WriteQueue each = new WriteQueue();
            each.add(bytes(i, 100), false, buffers);
            queues.add(each);
        }
        for (int i = 0; i < 200; i++) {
            transport.sent.reset();
            queues.get(i).flush(transport, buffers);
            assertThat(transport.sent.toByteArray()).isEqualTo(content(bytes(i, 100)));
        }
    }

    @Test
    void aWriteLargerThanAChunkButSmallEnoughToCopyIsSent() throws Exception {
        WriteBuffers small = new WriteBuffers(1024);
        ByteBuffer two = bytes(1, 2000);
        queue.add(two, false, small);
        queue.add(bytes(2, 10), false, small);
        queue.flush(transport, small);
        assertThat(transport.sent.toByteArray()).isEqualTo(concat(two, bytes(2, 10)));
    }

    @Test
    void droppedBytesAreCountedAndTheirCompletionsStay() {
        add(bytes(1, 100));
        whenTaken(0);
        add(bytes(2, 10_000));
        whenTaken(1);
        queue.drop(buffers);
        assertThat(queue.dropped()).isEqualTo(10_100);
        assertThat(queue.isEmpty()).isTrue();
        assertThat(queue.unsentBytes()).isZero();
        assertThat(queue.lastDue()).isNotNull();
        assertThat(queue.pollDue()).isNotNull();
        assertThat(queue.pollDue()).isNotNull();
        assertThat(queue.pollDue()).isNull();
    }

    @Test
    void aBrokenTransportIsReported() {
        add(bytes(1, 100));
        transport.broken = TransportException.Kind.RESET;
        assertThatThrownBy(() -> queue.flush(transport, buffers)).isInstanceOf(TransportException.class);
        assertThat(queue.unsentBytes()).isEqualTo(100);
    }

    /** Any mixture of sizes, kinds, room and moments: the same bytes, each completion once, in order, not before its bytes. */
    @ParameterizedTest
    @MethodSource("seeds")
    void anySequenceOfWritesAndPartialFlushesIsOneStream(int seed) throws Exception {
        Random random = new Random(seed);
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        List<Long> ends = new ArrayList<>();
        boolean blocked = false;
        for (int step = 0; step < 300; step++) {
            if (random.nextInt(3) > 0) {
                ByteBuffer buffer = randomBuffer(random);
                boolean borrowed = random.nextBoolean();
                expected.writeBytes(content(buffer));
                queue.add(buffer, borrowed, buffers);
                int number = ends.size();
                ends.add((long) expected.size());
                whenTaken(number);
                if (borrowed) {
                    // As after a delivery: flushed or kept before its memory is used again.
                    blocked = blocked || !flush(random);
                    if (blocked) {
                        queue.keep(buffers);
                    }
                    poison(buffer);
                }
            } else if (blocked && random.nextBoolean()) {
                queue.advance(transport.sendPending(random.nextInt(1 << random.nextInt(17))));
                blocked = !flush(random);
            } else {
                blocked = !flush(random);
                if (blocked) {
                    queue.keep(buffers);
                }
            }
            assertThat(queue.unsentBytes()).isEqualTo(expected.size() - transport.sent.size());
            tellDone();
            long taken = transport.sent.size();
            assertThat((long) done.size())
                    .as("writes done of seed %d", seed)
                    .isEqualTo(ends.stream().filter(end -> end <= taken).count());
        }
        transport.room = Integer.MAX_VALUE;
        transport.sendsLater = false;
        queue.advance(transport.sendPending(Integer.MAX_VALUE));
        assertThat(queue.flush(transport, buffers)).isTrue();
        tellDone();
        assertThat(transport.sent.toByteArray()).as("seed %d", seed).isEqualTo(expected.toByteArray());
        assertThat(done).isEqualTo(IntStream.range(0, ends.size()).boxed().toList());
        assertThat(queue.isIdle()).isTrue();
    }

    private boolean flush(Random random) throws TransportException {
        transport.room = random.nextInt(4) == 0 ? 0 : random.nextInt(1 << random.nextInt(17));
        transport.sendsLater = random.nextBoolean();
        return queue.flush(transport, buffers);
    }

    private static ByteBuffer randomBuffer(Random random) {
        int size = random.nextInt(1 << random.nextInt(16));
        byte[] content = new byte[size + 7];
        random.nextBytes(content);
        ByteBuffer buffer = random.nextBoolean()
                ? ByteBuffer.wrap(content)
                : ByteBuffer.allocateDirect(size + 7).put(content);
        buffer.position(3).limit(size + 3);
        return random.nextInt(5) == 0 ? buffer.asReadOnlyBuffer() : buffer;
    }

    private static void poison(ByteBuffer buffer) {
        if (!buffer.isReadOnly()) {
            for (int i = buffer.position(); i < buffer.limit(); i++) {
                buffer.put(i, (byte) 0xDD);
            }
        }
    }
}
