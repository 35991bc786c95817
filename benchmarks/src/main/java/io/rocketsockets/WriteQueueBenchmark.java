package io.rocketsockets;

import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The writes of one turn through the {@link WriteQueue}, to a kernel that takes everything at no cost. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@State(Scope.Thread)
public class WriteQueueBenchmark {
    private static final Runnable ON_COMPLETE = () -> {};
    private static final Consumer<Throwable> ON_EXCEPTION = failure -> {};

    @Param({"1", "16"})
    int writes;

    @Param({"32", "1024", "16384"})
    int bytes;

    private final WriteBuffers buffers = new WriteBuffers(16 * 1024);
    private final WriteQueue queue = new WriteQueue();
    private final Transport kernel = new Willing();
    private ByteBuffer message;

    @Setup
    public void allocate() {
        message = ByteBuffer.allocateDirect(bytes);
    }

    /** Written from a callback and flushed at the end of the turn. */
    @Benchmark
    public boolean write() throws TransportException {
        for (int i = 0; i < writes; i++) {
            queue.add(message, false, buffers);
        }
        return queue.flush(kernel, buffers);
    }

    /** The same, each with somebody who wants to know. */
    @Benchmark
    public int writeAndTell() throws TransportException {
        for (int i = 0; i < writes; i++) {
            queue.add(message, false, buffers);
            queue.whenTaken(ON_COMPLETE, ON_EXCEPTION, buffers);
        }
        queue.flush(kernel, buffers);
        int told = 0;
        for (Completion done = queue.pollDone(); done != null; done = queue.pollDone()) {
            buffers.release(done);
            told++;
        }
        return told;
    }

    private static final class Willing implements Transport {
        private static final SocketAddress NOWHERE = new InetSocketAddress(0);

        @Override
        public long write(ByteBuffer[] gathered, int count) {
            long taken = 0;
            for (int i = 0; i < count; i++) {
                taken += gathered[i].remaining();
                gathered[i].position(gathered[i].limit());
            }
            return taken;
        }

        @Override
        public SocketAddress remoteAddress() {
            return NOWHERE;
        }

        @Override
        public SocketAddress localAddress() {
            return NOWHERE;
        }

        @Override
        public void detach() {}

        @Override
        public void startReading() {}

        @Override
        public void stopReading() {}

        @Override
        public void shutdownOutput() {}

        @Override
        public void close() {}

        @Override
        public void reset() {}
    }
}
