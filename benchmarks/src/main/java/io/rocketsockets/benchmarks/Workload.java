package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.util.List;

/** One question that is put to every server in the same way. */
interface Workload {
    /** What the command line and the results call it. */
    String name();

    /** What the report calls it. */
    String title();

    /** What its costs are counted by. */
    String unit();

    /** The figure that its ratios and its plot are made of; less is better. */
    Metric mainMetric();

    /** How many rounds it takes where so many are wanted. */
    default int rounds(int wanted) {
        return wanted;
    }

    /** Runs once before the first round, for what all servers must have in common; the workload is left out if it fails. */
    default void prepare(Lab lab, List<Contender> contenders) throws IOException {}

    /** The picture of what was found. */
    default String plot(Results results) {
        return new BarChart(results, this).svg();
    }

    /** Starts the server, loads it, and says what that took. */
    Sample measure(Lab lab, Contender contender) throws IOException, InterruptedException;
}
