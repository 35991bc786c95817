package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Row D4: whom the budget of unsent bytes chooses. */
class WriteBudgetChoiceTest extends EngineContract {
    private static final int LIMIT = 64 * 1024;

    @Override
    public String engine() {
        return "nio";
    }

    @Test
    void d4_aSocketWithAFewBytesWrittenJustNowIsNotTheWorst() throws Exception {
        TestServer server = server(x -> x.writeWaterMarks(1024, LIMIT / 2)
                        .writeQueueLimit(LIMIT)
                        .unsentBytesLimit(LIMIT))
                .start(idle());
        byte[] message = random(1, 4000);
        Client reads = server.connect();
        SocketHandle innocent = server.socket(reads);
        Ledger.Book hoarder = server.book(server.connect());
        Ledger.Book second = server.book(server.connect());
        hoarder.socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES), () -> {}, failure -> {});
        hoarder.awaitBlocked();
        // Within one turn: the innocent's bytes are queued and not flushed yet when the second meets the limit.
        hoarder.onLoop(() -> {
            innocent.write(ByteBuffer.wrap(message));
            second.socket.write(ByteBuffer.allocate(MORE_THAN_THE_KERNEL_TAKES), () -> {}, failure -> {});
            return null;
        });
        assertThat(reads.receiveBytes(message.length)).isEqualTo(message);
        assertThat(hoarder.awaitClosed()).isEqualTo(CloseReason.LIMIT_MEMORY);
        assertThat(innocent.closeReason()).isEmpty();
        logs.take("too much is unsent");
    }
}
