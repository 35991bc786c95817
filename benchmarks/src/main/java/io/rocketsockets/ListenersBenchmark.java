package io.rocketsockets;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What events cost that nobody records: those of one connection, its opening and its close. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@State(Scope.Thread)
public class ListenersBenchmark {
    private final ServerListener listeners = new Listeners(List.of());

    @Benchmark
    public void connection() {
        SocketHandle socket = null; // nobody looks at it
        listeners.onOpened(socket);
        listeners.onClosed(socket, CloseReason.PEER_CLOSED, 64, 64);
    }
}
