package io.rocketsockets;

import java.io.IOException;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * The canary that every test has: an innocent connection on each loop, which gets every reply, right and in order, for as
 * long as the server runs. How fast is no matter here, since any test may run on a busy machine: that is for {@link Canary}.
 */
final class Bystander implements AutoCloseable {
    private static final long PAUSE_MILLIS = 100;

    private final CountDownLatch over = new CountDownLatch(1);
    private final List<Client> clients = new ArrayList<>();
    private final CompletableFuture<Void> song;
    private final BooleanSupplier isServed;

    /** @param isServed whether a connection that ends has to be answered for */
    Bystander(SocketAddress endpoint, int loops, BooleanSupplier isServed) throws IOException {
        this.isServed = isServed;
        // The balancer gives connections of one endpoint to the loops in turn.
        for (int i = 0; i < loops; i++) {
            clients.add(new Client(endpoint));
        }
        song = EngineContract.async(this::sing);
    }

    private Void sing() throws Exception {
        try {
            int number = 0;
            do {
                String text = "bystander " + number++;
                for (Client client : clients) {
                    client.send(text);
                }
                for (Client client : clients) {
                    String reply = client.receive(text.length());
                    if (!reply.equals(text)) {
                        throw new AssertionError("a bystander sent '" + text + "' and received '" + reply + "'");
                    }
                }
            } while (!over.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS));
        } catch (IOException ended) {
            if (isServed.getAsBoolean()) {
                throw new AssertionError("a bystander lost its connection, or its reply", ended);
            }
        } finally {
            for (Client client : clients) {
                client.close();
            }
        }
        return null;
    }

    /** Ends the song, and says what was wrong with it. */
    @Override
    public void close() {
        over.countDown();
        song.join();
    }
}
