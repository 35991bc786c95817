package io.rocketsockets.micrometer;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.rocketsockets.CloseReason;
import io.rocketsockets.ServerStats;
import io.rocketsockets.SocketServer;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/**
 * The counts of a server as meters: {@code new RocketSocketsMetrics(server).bindTo(registry)}, once the server has started.
 * They read {@link SocketServer#stats()} when they are read, and cost nothing otherwise; what they mean is told there.
 *
 * <ul>
 *   <li>{@code rocketsockets.connections.accepted}, {@code .open}, {@code .closed} (by {@code reason})
 *   <li>by {@code loop}: {@code rocketsockets.bytes.read}, {@code .written}; {@code rocketsockets.loop.connections}, {@code
 *       .busy} (0 to 1), {@code .turn.mean}, {@code .turn.longest}, {@code .mailbox}, {@code .moves} (by {@code direction})
 * </ul>
 *
 * <p>Counters begin anew with each run of the server, as after a restart of the process. A registry refers to the server
 * weakly: keep it.
 */
public final class RocketSocketsMetrics implements MeterBinder {
    private final SocketServer server;
    private final Tags tags;

    public RocketSocketsMetrics(SocketServer server) {
        this(server, List.of());
    }

    /** @param tags of all meters, which tell several servers of one registry apart */
    public RocketSocketsMetrics(SocketServer server, Iterable<Tag> tags) {
        this.server = Objects.requireNonNull(server, "server");
        this.tags = Tags.of(tags);
    }

    /** @throws IllegalStateException when the server has not started yet, and its loops are not known */
    @Override
    public void bindTo(MeterRegistry registry) {
        int loops = server.stats().loops().size();
        if (loops == 0) {
            throw new IllegalStateException("cannot bind metrics: state=" + server.state()
                    + " and the loops are not known yet; call bindTo once the server has started");
        }
        counter("connections.accepted", "Connections accepted", tags, ServerStats::accepted)
                .register(registry);
        Gauge.builder("rocketsockets.connections.open", server, x -> x.stats().open())
                .description("Connections open now")
                .tags(tags)
                .register(registry);
        for (CloseReason reason : CloseReason.values()) {
            Tags ofReason = tags.and("reason", reason.name());
            counter(
                            "connections.closed",
                            "Connections closed",
                            ofReason,
                            stats -> stats.closed().getOrDefault(reason, 0L))
                    .register(registry);
        }
        for (int number = 0; number < loops; number++) {
            bindLoop(registry, number, tags.and("loop", Integer.toString(number)));
        }
    }

    private void bindLoop(MeterRegistry registry, int number, Tags ofLoop) {
        counter("bytes.read", "Bytes read from the kernel", ofLoop, of(number, ServerStats.Loop::bytesRead))
                .baseUnit("bytes")
                .register(registry);
        counter("bytes.written", "Bytes that the kernel took", ofLoop, of(number, ServerStats.Loop::bytesWritten))
                .baseUnit("bytes")
                .register(registry);
        gauge("connections", "Sockets that the loop owns", ofLoop, of(number, ServerStats.Loop::connections))
                .register(registry);
        gauge("busy", "How much of its time it works, over a second", ofLoop, of(number, ServerStats.Loop::busyShare))
                .register(registry);
        gauge("mailbox", "What waits of other threads", ofLoop, of(number, ServerStats.Loop::mailboxDepth))
                .register(registry);
        turn(
                        "mean",
                        "Work between two looks at the kernel",
                        ofLoop,
                        of(number, loop -> loop.meanTurn().toNanos()))
                .register(registry);
        turn(
                        "longest",
                        "The longest of the last 10 to 20 s",
                        ofLoop,
                        of(number, loop -> loop.longestTurn().toNanos()))
                .register(registry);
        moves(ofLoop.and("direction", "in"), of(number, ServerStats.Loop::movesIn))
                .register(registry);
        moves(ofLoop.and("direction", "out"), of(number, ServerStats.Loop::movesOut))
                .register(registry);
    }

    private static ToDoubleFunction<ServerStats> of(int number, ToDoubleFunction<ServerStats.Loop> value) {
        return stats -> value.applyAsDouble(stats.loops().get(number));
    }

    private FunctionCounter.Builder<SocketServer> counter(
            String name, String description, Tags with, ToDoubleFunction<ServerStats> value) {
        return FunctionCounter.builder("rocketsockets." + name, server, x -> value.applyAsDouble(x.stats()))
                .description(description)
                .tags(with);
    }

    private FunctionCounter.Builder<SocketServer> moves(Tags with, ToDoubleFunction<ServerStats> value) {
        return counter("loop.moves", "Sockets that came from other loops, or went there", with, value);
    }

    private Gauge.Builder<SocketServer> gauge(
            String name, String description, Tags with, ToDoubleFunction<ServerStats> value) {
        return Gauge.builder("rocketsockets.loop." + name, server, x -> value.applyAsDouble(x.stats()))
                .description(description)
                .tags(with);
    }

    private TimeGauge.Builder<SocketServer> turn(
            String name, String description, Tags with, ToDoubleFunction<ServerStats> nanos) {
        return TimeGauge.builder(
                        "rocketsockets.loop.turn." + name,
                        server,
                        TimeUnit.NANOSECONDS,
                        x -> nanos.applyAsDouble(x.stats()))
                .description(description)
                .tags(with);
    }
}
