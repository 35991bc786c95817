/**
 * Engines on the calls of the Linux kernel, in Java alone: found as services by their names, {@code io_uring} and {@code
 * epoll}.
 */
module io.rocketsockets.linux {
    requires io.rocketsockets;
    requires static org.jspecify;

    provides io.rocketsockets.engine.EngineFactory with
            io.rocketsockets.epoll.EpollEngineFactory,
            io.rocketsockets.uring.UringEngineFactory;
}
