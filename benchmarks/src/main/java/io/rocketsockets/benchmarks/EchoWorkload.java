package io.rocketsockets.benchmarks;

import java.io.IOException;

/**
 * Messages and answers in a closed loop: the cost of a message when the server has as much to do as it can.
 *
 * @param unitsPerMessage how many of the units that costs are counted by make one message
 */
record EchoWorkload(
        String name, String title, Exchange exchange, int connections, int depth, String unit, int unitsPerMessage)
        implements ClosedLoop.Question {
    @Override
    public ClosedLoop start(Lab lab, Contender contender) throws IOException {
        return lab.closedLoop(
                contender, exchange, server -> lab.echo(server, exchange, connections, depth), unitsPerMessage);
    }
}
