package io.rocketsockets.nio;

import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A selector may say that a socket is ready when it is not: another thread, or the kernel, was faster (select(2)). */
class NioReadinessTest {
    private final List<String> heard = new ArrayList<>();

    private final TransportHandler handler = new TransportHandler() {
        @Override
        public void onRead(ByteBuffer bytes) {
            heard.add("read " + bytes.remaining());
        }

        @Override
        public void onEnd() {
            heard.add("end");
        }

        @Override
        public void onWritten(long bytes) {
            heard.add("written " + bytes);
        }

        @Override
        public void onFailed(TransportException cause) {
            heard.add("failed " + cause);
        }
    };

    private static final class Accepted implements AcceptHandler {
        private final List<NioTransport> transports = new ArrayList<>();

        @Override
        public void onAccepted(Transport transport) {
            transports.add((NioTransport) transport);
        }

        @Override
        public void onAcceptFailed(IOException cause) {
            throw new AssertionError(cause);
        }
    }

    @Test
    void c13_readinessWithoutCauseIsNoReadAndNoEnd() throws Exception {
        Accepted accepted = new Accepted();
        try (NioEngine engine = new NioEngine(1024)) {
            Listener listener = engine.listen(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    new ListenOptions(10, null, Duration.ZERO, Set.of()),
                    accepted);
            listener.resume();
            ((NioEngine.Ready) listener).onReady(SelectionKey.OP_ACCEPT);
            assertThat(accepted.transports).as("nobody has connected").isEmpty();
            try (Socket client = new Socket(
                    InetAddress.getLoopbackAddress(), ((InetSocketAddress) listener.localAddress()).getPort())) {
                engine.poll(-1);
                engine.dispatch();
                NioTransport transport = accepted.transports.get(0);
                engine.adopt(transport, handler);
                transport.startReading();
                for (int i = 0; i < 3; i++) {
                    transport.onReady(SelectionKey.OP_READ);
                }
                assertThat(heard).isEmpty();
                transport.onReady(SelectionKey.OP_WRITE);
                assertThat(heard).containsExactly("written 0");
                client.getOutputStream().write(new byte[3]);
                engine.poll(-1);
                engine.dispatch();
                transport.onReady(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
                assertThat(heard).containsExactly("written 0", "read 3", "written 0");
                transport.close();
                transport.onReady(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
                assertThat(heard).as("of a socket that is closed").hasSize(3);
            }
        }
    }
}
