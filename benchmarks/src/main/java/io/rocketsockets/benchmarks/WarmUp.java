package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.time.Duration;

/**
 * Loads a server step by step until its compilers have fallen silent: by processor time, since on a busy machine a second may be
 * much or little.
 */
final class WarmUp {
    private static final Duration STEP = Duration.ofMillis(400);
    private static final int SILENT_STEPS = 2;
    private static final int SILENT_MILLIS = 20;

    private final ServerProcess server;
    private final boolean isJava;
    private final Load load;
    private final Duration most;
    private long compiled;
    private int silentSteps;
    private boolean isOver;

    /** @param most processor time that the server may have used by the end */
    WarmUp(ServerProcess server, Contender contender, Load load, Duration most) {
        this.server = server;
        this.isJava = contender.isJava();
        this.load = load;
        this.most = most;
    }

    boolean isOver() {
        return isOver;
    }

    void step() throws IOException {
        isOver |= !isJava || silentSteps == SILENT_STEPS || server.cpuNanos() >= most.toNanos();
        long end = server.cpuNanos() + STEP.toNanos();
        do {
            load.run(STEP.dividedBy(4));
        } while (server.cpuNanos() < end);
        if (isJava) {
            long now = server.compilerMillis();
            silentSteps = now - compiled <= SILENT_MILLIS ? silentSteps + 1 : 0;
            compiled = now;
        }
    }

    void finish() throws IOException {
        while (!isOver) {
            step();
        }
    }
}
