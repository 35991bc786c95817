package io.rocketsockets;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** A batch of messages through the {@link Mailbox}, beside the JDK's queue of many producers. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@State(Scope.Thread)
public class MailboxBenchmark {
    private static final int BATCH = 16;

    private final Mailbox mailbox = new Mailbox();
    private final Queue<Object> queue = new ConcurrentLinkedQueue<>();

    @Benchmark
    @OperationsPerInvocation(BATCH)
    public Object mailbox() {
        for (int i = 0; i < BATCH; i++) {
            mailbox.post(new Nothing());
        }
        Object last = null;
        for (Mailbox.Message message = mailbox.poll(); message != null; message = mailbox.poll()) {
            last = message;
        }
        return last;
    }

    @Benchmark
    @OperationsPerInvocation(BATCH)
    public Object concurrentLinkedQueue() {
        for (int i = 0; i < BATCH; i++) {
            queue.add(new Nothing());
        }
        Object last = null;
        for (Object message = queue.poll(); message != null; message = queue.poll()) {
            last = message;
        }
        return last;
    }

    private static final class Nothing extends Mailbox.Message {
        @Override
        void deliver() {}
    }
}
