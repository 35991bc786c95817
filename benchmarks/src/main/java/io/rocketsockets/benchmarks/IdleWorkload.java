package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;

/** Connections that have echoed once and then say nothing: the resident memory that each holds in the server. */
record IdleWorkload(String name, String title, Exchange exchange, int connections) implements Workload {
    private static final Duration SETTLE = Duration.ofMillis(500);
    private static final long SETTLED_BYTES = 256 * 1024;

    @Override
    public String unit() {
        return "connection";
    }

    @Override
    public Metric mainMetric() {
        return Metric.RESIDENT_BYTES;
    }

    @Override
    public Sample measure(Lab lab, Contender contender) throws IOException, InterruptedException {
        try (var server = lab.start(contender, exchange.reply(), Lab.FOR_MEMORY)) {
            // What the compiler and the pools need once is not a connection's.
            try (Load load = lab.churn(server, exchange, 64)) {
                lab.warmUp(server, contender, load);
            }
            long before = held(server, contender);
            List<SocketChannel> sockets = Sockets.open(server, exchange, connections);
            long held = held(server, contender) - before;
            Sockets.close(sockets);
            return new Sample().with(Metric.RESIDENT_BYTES, (double) held / connections);
        }
    }

    /** Resident bytes once they no longer change: compilers and collectors take it and give it back with some delay. */
    private static long held(ServerProcess server, Contender contender) throws IOException, InterruptedException {
        long before;
        long now = Long.MAX_VALUE;
        do {
            before = now;
            Thread.sleep(SETTLE.toMillis());
            if (contender.isJava()) {
                server.collect();
            }
            now = server.residentBytes();
        } while (Math.abs(before - now) > SETTLED_BYTES);
        return now;
    }
}
