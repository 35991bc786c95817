package io.rocketsockets.daemon;

/**
 * A service of the process: started with it, stopped with it.
 *
 * <p><b>Order:</b> services start one after the other, in the order in which they were bound, and stop in reverse. {@code
 * stop} is called once for each service whose {@code start} has returned, and for no other; {@code pause} and {@code
 * resume} in between, by turns.
 *
 * <p><b>Threading:</b> each call comes on a thread of its own, one call at a time. A call that outlasts its timeout is
 * interrupted and no longer waited for.
 *
 * <p><b>Failure:</b> a service that cannot start stops those before it and ends the process; one that cannot do anything
 * else is logged, and the others do it all the same.
 *
 * <p><b>Ending the process:</b> {@link System#exit} from a service, with any status, stops every service as SIGTERM does.
 */
public interface Daemon {
    /** Returns once the service is at work; must not wait for it to end. */
    void start() throws Exception;

    /** Returns once the service is at rest. */
    void stop() throws Exception;

    /**
     * Takes no new work, and keeps what it has, until {@link #resume()}; on SIGTTOU. The servers of the injector stop
     * accepting by themselves, so by default there is nothing to do.
     */
    default void pause() throws Exception {}

    /** Takes new work again; on SIGTTIN. */
    default void resume() throws Exception {}
}
