package io.rocketsockets.engine;

/** What a {@link Filter} may ask of the loop that it is at home on. */
public interface FilterLoop {
    Engine engine();

    FilterBuffers filterBuffers();

    /** Runs the task on the loop, in one of its next turns; from any thread. False when the loop has ended. */
    boolean execute(Runnable task);
}
