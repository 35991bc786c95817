package io.rocketsockets.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Every workload there is, and those that a plain run measures. */
final class Workloads {
    private static final int KILOBYTE = 1024;

    static final List<Workload> ALL = all();
    static final List<Workload> STANDARD = Stream.of(
                    "echo-64b-50",
                    "echo-64b-1000",
                    "echo-64b-50x16",
                    "small-writes",
                    "bulk",
                    "churn",
                    "open-loop",
                    "memory",
                    "start-up",
                    "system-calls")
            .map(Workloads::named)
            .toList();

    private Workloads() {}

    private static List<Workload> all() {
        List<Workload> all = new ArrayList<>();
        for (int depth : List.of(1, 16)) {
            for (int bytes : List.of(64, KILOBYTE)) {
                for (int connections : List.of(50, 1_000, 10_000)) {
                    all.add(echo(bytes, connections, depth));
                }
            }
        }
        all.add(new EchoWorkload(
                "small-writes", "16 writes of 32 B a batch, 50 conn.", Exchange.smallWrites(), 50, 1, "batch", 1));
        all.add(new EchoWorkload(
                "bulk", "bulk echo of 64 KiB, 8 conn., 4 in flight", Exchange.echo(64 * KILOBYTE), 8, 4, "KB", 64));
        all.add(new EchoWorkload(
                "bulk-500", "bulk echo of 64 KiB, 500 conn.", Exchange.echo(64 * KILOBYTE), 500, 1, "KB", 64));
        all.add(new ChurnWorkload("churn", "connect-echo-close", Exchange.echo(64), 64));
        all.add(new EchoWorkload(
                "tls-echo-64b",
                "echo 64 B over TLS 1.3, 50 conn.",
                Exchange.echo(64, Wire.TLS_1_3),
                50,
                1,
                "message",
                1));
        all.add(new EchoWorkload(
                "tls-bulk",
                "echo of 16 KiB over TLS 1.3, 8 conn., 4 in flight",
                Exchange.echo(16 * KILOBYTE, Wire.TLS_1_3),
                8,
                4,
                "KB",
                16));
        all.add(handshake("tls-handshake", "TLS 1.3", Wire.TLS_1_3));
        all.add(handshake("tls-handshake-1.2", "TLS 1.2", Wire.TLS_1_2));
        all.add(handshake("tls-resume", "resumed TLS 1.3", Wire.TLS_1_3_RESUMED));
        all.add(new PacedWorkload());
        all.add(new IdleWorkload("memory", "RSS, 15,000 idle conn.", Exchange.echo(64), 15_000));
        all.add(new StartUpWorkload("start-up", "start to first echo", Exchange.echo(64), 5));
        all.add(new SpreadWorkload(
                "skew",
                "10 busy conn. on one of two loops, 4 in flight, 50 µs a message",
                "skewed",
                Exchange.busyEcho(),
                10,
                4));
        all.add(new SpreadWorkload(
                "mixed", "short and long conn. on two loops, 50 µs a message", "mixed", Exchange.busyEcho(), 32, 1));
        all.add(new SystemCallWorkload(
                "system-calls", "system calls, 16 writes of 32 B a batch", Exchange.smallWrites(), 50));
        return all;
    }

    private static Workload handshake(String name, String how, Wire wire) {
        return new ChurnWorkload(name, "connect-handshake-echo-close, " + how, Exchange.echo(64, wire), 16);
    }

    private static Workload echo(int bytes, int connections, int depth) {
        boolean small = bytes < KILOBYTE;
        String name = "echo-%s-%d".formatted(small ? bytes + "b" : bytes / KILOBYTE + "k", connections);
        String title = "echo %s, %,d conn.".formatted(small ? bytes + " B" : bytes / KILOBYTE + " KiB", connections);
        if (depth > 1) {
            name += "x" + depth;
            title += ", %d in flight".formatted(depth);
        }
        return new EchoWorkload(name, title, Exchange.echo(bytes), connections, depth, "message", 1);
    }

    static Workload named(String name) {
        return ALL.stream()
                .filter(workload -> workload.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () -> new IllegalArgumentException("no such workload: " + name + "; choose of " + names()));
    }

    static List<String> names() {
        return ALL.stream().map(Workload::name).toList();
    }
}
