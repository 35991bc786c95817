package io.rocketsockets;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.linux.Capabilities;
import io.rocketsockets.uring.TinyRingFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * Contracts on rings in which everything runs out all the time: the kernel keeps completions for want of room, receives end for
 * want of buffers, and one turn takes many system calls.
 */
class TinyRingTest {
    private interface Tiny extends EngineUnderTest {
        @Override
        default String engine() {
            return TinyRingFactory.NAME;
        }

        @Override
        default boolean isBoundToItsThread() {
            return true;
        }
    }

    @BeforeAll
    static void needsTheKernel() {
        Optional<String> refusal = Capabilities.ofThisMachine().uring();
        assumeTrue(refusal.isEmpty(), () -> "skipped: no io_uring: " + refusal.get());
    }

    @Nested
    class Read extends ReadContract implements Tiny {
        /** Two buffers, and eight peers that all send at once. */
        @Test
        void c11_receivesThatFindNoBufferGoOnOnceThereIsOne() throws Exception {
            TestServer server = serve(echo());
            List<CompletableFuture<Client>> sending = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                Client client = server.connect();
                byte[] bytes = random(i, 200_000);
                sending.add(async(() -> client.send(bytes)));
                sending.add(async(() -> {
                    assertThat(client.receiveBytes(bytes.length)).isEqualTo(bytes);
                    return client;
                }));
            }
            for (CompletableFuture<Client> each : sending) {
                each.get(20, SECONDS);
            }
        }
    }

    @Nested
    class Write extends WriteContract implements Tiny {}

    @Nested
    class Close extends CloseContract implements Tiny {}

    @Nested
    class Callbacks extends CallbackContract implements Tiny {}

    @Nested
    class Moves extends MoveContract implements Tiny {}

    @Nested
    class HalfClose extends HalfCloseContract implements Tiny {}
}
