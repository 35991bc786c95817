package io.rocketsockets;

/** The soak on epoll. */
class EpollSoakTest extends SoakContract {
    @Override
    public String engine() {
        return "epoll";
    }
}
