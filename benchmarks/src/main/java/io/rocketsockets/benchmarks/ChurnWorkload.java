package io.rocketsockets.benchmarks;

import java.io.IOException;

/** Connect, one echo, close: the cost of a connection's whole life. */
record ChurnWorkload(String name, String title, Exchange exchange, int atOnce) implements ClosedLoop.Question {
    @Override
    public String unit() {
        return "cycle";
    }

    @Override
    public ClosedLoop start(Lab lab, Contender contender) throws IOException {
        return lab.closedLoop(contender, exchange, server -> lab.churn(server, exchange, atOnce), 1);
    }
}
