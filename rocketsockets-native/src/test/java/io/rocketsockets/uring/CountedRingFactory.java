package io.rocketsockets.uring;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import io.rocketsockets.linux.Capabilities;
import io.rocketsockets.linux.Libc;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** Opens {@code io_uring} engines and remembers them, to be asked what they have not got back. */
public final class CountedRingFactory implements EngineFactory {
    public static final String NAME = "io_uring-counted";

    /** But for those that have ended and got everything back. */
    private static final Queue<UringEngine> OPENED = new ConcurrentLinkedQueue<>();

    private static final AtomicInteger COUNT = new AtomicInteger();

    /** Called by the service loader. */
    public CountedRingFactory() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Optional<String> unavailable() {
        return Capabilities.ofThisMachine().uring();
    }

    @Override
    public Engine open(int readBufferBytes) throws IOException {
        UringEngine engine = new UringEngine(UringSizes.of(readBufferBytes, new Libc()));
        OPENED.removeIf(each -> each.isClosed() && !hasLeftovers(each));
        OPENED.add(engine);
        COUNT.incrementAndGet();
        return engine;
    }

    /** Of all engines, whose loops have ended: what the kernel or a socket still holds. */
    public static List<String> leftovers() {
        return OPENED.stream()
                .filter(CountedRingFactory::hasLeftovers)
                .map(engine -> "under way=" + engine.underWay() + " early=" + engine.earlyBytes() + " descriptors="
                        + engine.descriptorsInUse() + " buffers=" + engine.receive.lent() + " places="
                        + engine.transports())
                .toList();
    }

    private static boolean hasLeftovers(UringEngine engine) {
        return engine.underWay() != 0
                || engine.earlyBytes() != 0
                || engine.descriptorsInUse() != 0
                || engine.receive.lent() != 0
                || engine.transports() != 0;
    }

    /** How many engines there were. */
    public static int opened() {
        return COUNT.get();
    }
}
