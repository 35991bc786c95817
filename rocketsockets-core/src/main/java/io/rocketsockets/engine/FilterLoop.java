package io.rocketsockets.engine;

/** What a {@link Filter} may ask of the loop that it is at home on. */
public interface FilterLoop {
    Engine engine();

    FilterBuffers filterBuffers();

    /** Runs the task on the loop, in this turn or one of the next; from any thread. False when the loop has ended. */
    boolean execute(Runnable task);

    /** Runs the task in the loop's next turn, if there is one; on the loop. So what goes on for long leaves others their turn. */
    void nextTurn(Runnable task);
}
