package io.rocketsockets.epoll;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which socket an event is for. */
class EpollEngineTagsTest {
    @BeforeAll
    static void needsTheKernel() {
        var refusal = Capabilities.ofThisMachine().epoll();
        assumeTrue(refusal.isEmpty(), () -> "skipped: engine epoll " + refusal.orElseThrow());
    }

    /** Any descriptor will do. */
    private static final class Watched extends EpollSocket {
        private Watched(int fd) {
            super(fd, 0);
        }

        @Override
        void onEvents(int events) {}

        @Override
        String description() {
            return "fd=" + fd;
        }
    }

    @Test
    void anEventOfAClosedSocketIsNotThatOfTheNextOfItsNumber() throws Exception {
        EpollEngine engine = EpollEngine.open(1024);
        try {
            Watched first = new Watched(engine.libc.eventfd(0, 0));
            first.join(engine);
            long tag = first.tag;
            assertThat(engine.find(tag)).isSameAs(first);

            first.close();
            assertThat(engine.find(tag)).isNull();
            Watched second = new Watched(engine.libc.eventfd(0, 0));
            second.join(engine);
            assertThat(second.fd).as("the number is used again").isEqualTo(first.fd);
            assertThat(engine.find(tag)).isNull();
            assertThat(engine.find(second.tag)).isSameAs(second);
        } finally {
            engine.close();
        }
    }

    /** As a stop does, when the loop's thread hangs: the thread may go on to use the number, so nobody else gets it. */
    @Test
    void aSocketThatAnotherThreadEndsKeepsItsNumberUntilTheLoopClosesIt() throws Exception {
        EpollEngine engine = EpollEngine.open(1024);
        try {
            engine.poll(0); // now this is the loop's thread
            Watched socket = new Watched(engine.libc.eventfd(0, 0));
            socket.join(engine);
            Thread other = new Thread(socket::close);
            other.start();
            other.join();
            assertThat(socket.isClosed()).isTrue();
            int next = engine.libc.eventfd(0, 0);
            assertThat(next).isNotEqualTo(socket.fd);
            engine.libc.close(next);

            socket.close();
            int reused = engine.libc.eventfd(0, 0);
            assertThat(reused).isEqualTo(socket.fd);
            engine.libc.close(reused);
        } finally {
            engine.close();
        }
    }
}
