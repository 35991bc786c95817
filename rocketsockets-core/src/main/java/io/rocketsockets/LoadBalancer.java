package io.rocketsockets;

import java.util.List;

/** Gives each accepted connection to a loop, in turn. Confined to the loop of its {@link Acceptor}. */
final class LoadBalancer {
    private final List<EventLoop> loops;
    private int next;

    LoadBalancer(List<EventLoop> loops) {
        this.loops = loops;
    }

    EventLoop pick() {
        EventLoop loop = loops.get(next);
        next = next + 1 == loops.size() ? 0 : next + 1;
        return loop;
    }
}
