package io.rocketsockets;

import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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

/** What a loop does with the deadlines of its connections, in the {@link TimerWheel} and in a heap. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@State(Scope.Thread)
public class TimerWheelBenchmark {
    private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(60);

    @Param({"100", "10000"})
    int timers;

    private final TimerWheel wheel = new TimerWheel(0);
    private final PriorityQueue<Deadline> heap = new PriorityQueue<>();
    private final SplittableRandom random = new SplittableRandom(1);
    private Idle[] idle;
    private Deadline[] deadlines;
    private long now;
    private int turn;

    @Setup
    public void setAll() {
        idle = new Idle[timers];
        deadlines = new Deadline[timers];
        for (int i = 0; i < timers; i++) {
            long deadline = random.nextLong(LONGEST_NANOS);
            idle[i] = new Idle();
            wheel.set(idle[i], deadline);
            deadlines[i] = new Deadline(deadline, i);
            heap.add(deadlines[i]);
        }
    }

    /** One connection's deadline moves. */
    @Benchmark
    public void resetInWheel() {
        wheel.set(idle[++turn % timers], now + random.nextLong(LONGEST_NANOS));
    }

    @Benchmark
    public void resetInHeap() {
        int i = ++turn % timers;
        heap.remove(deadlines[i]);
        deadlines[i] = new Deadline(now + random.nextLong(LONGEST_NANOS), i);
        heap.add(deadlines[i]);
    }

    /** One turn of the loop in which nothing is due. */
    @Benchmark
    public long askTheWheel() {
        wheel.advance(now);
        return wheel.nanosToNext(now);
    }

    /** One tick of the wheel; what fires is set anew. */
    @Benchmark
    public long advanceTheWheel() {
        now += TimerWheel.TICK_NANOS;
        wheel.advance(now);
        return now;
    }

    private record Deadline(long nanos, int index) implements Comparable<Deadline> {
        @Override
        public int compareTo(Deadline other) {
            int byTime = Long.compare(nanos - other.nanos, 0);
            return byTime != 0 ? byTime : Integer.compare(index, other.index);
        }
    }

    private final class Idle extends TimerWheel.Timer {
        @Override
        void fire() {
            wheel.set(this, now + LONGEST_NANOS);
        }
    }
}
