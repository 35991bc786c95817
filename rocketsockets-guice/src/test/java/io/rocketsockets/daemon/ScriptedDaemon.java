package io.rocketsockets.daemon;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;

/** Tells its calls to a journal, and can fail or hang in any of them. */
final class ScriptedDaemon implements Daemon {
    static final Callable<?> NOTHING = () -> "";
    static final Callable<?> HANG = () -> {
        new CountDownLatch(1).await();
        return "";
    };

    private final String name;
    private final List<String> journal;
    private Callable<?> onStart = NOTHING;
    private Callable<?> onStop = NOTHING;

    ScriptedDaemon(String name, List<String> journal) {
        this.name = name;
        this.journal = journal;
    }

    ScriptedDaemon onStart(Callable<?> step) {
        onStart = step;
        return this;
    }

    ScriptedDaemon onStop(Callable<?> step) {
        onStop = step;
        return this;
    }

    @Override
    public void start() throws Exception {
        journal.add("start " + name);
        onStart.call();
    }

    @Override
    public void stop() throws Exception {
        journal.add("stop " + name);
        onStop.call();
    }
}
