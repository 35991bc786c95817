package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/** A server under test on a free port of the loopback, with its books, its clients and its canaries. */
final class TestServer implements AutoCloseable {
    static final String ENDPOINT = "test";

    /** Echoes whatever the application does; see {@link #canary()}. */
    static final String CANARY_ENDPOINT = "canary";

    final SocketServer server;
    final Ledger ledger = new Ledger();
    private int runs;
    private final List<Client> clients = Collections.synchronizedList(new ArrayList<>());
    private final List<Canary> canaries = new ArrayList<>();

    TestServer(Consumer<ServerConfigurator> options) {
        this(options, endpoint -> {});
    }

    TestServer(Consumer<ServerConfigurator> options, Consumer<EndpointConfigurator> endpoint) {
        server = RocketServer.create(x -> {
            x.addEndpoint(ENDPOINT, e -> endpoint.accept(e.bindTo("127.0.0.1").port(0)));
            options.accept(x);
        });
    }

    TestServer start(SocketSessionFactory application) {
        runs++;
        SocketSessionFactory audited = ledger.audit(application);
        SocketSessionFactory echo = EngineContract.echo();
        server.start(socket -> (socket.endpoint().equals(CANARY_ENDPOINT) ? echo : audited).open(socket));
        return this;
    }

    /**
     * Lets a canary sing on every loop until the server closes, and then judges it. For servers that were made with {@link
     * EngineContract#watched}.
     */
    Canary canary() throws Exception {
        Canary canary = new Canary(
                server.localAddress(CANARY_ENDPOINT), server.stats().loops().size());
        canaries.add(canary);
        return canary;
    }

    SocketAddress address() {
        return server.localAddress(ENDPOINT);
    }

    Client connect() throws IOException {
        return add(new Client(address()));
    }

    /** From another address of the loopback. */
    Client connectFrom(String host) throws IOException {
        return add(new Client(address(), host));
    }

    Client connectTo(String endpoint) throws IOException {
        return add(new Client(server.localAddress(endpoint)));
    }

    private Client add(Client client) {
        clients.add(client);
        return client;
    }

    Ledger.Book book(Client client) {
        return ledger.book(client.address());
    }

    SocketHandle socket(Client client) {
        return book(client).socket;
    }

    /** Also judges the canaries, closes the clients, and compares the server's counts with the books. */
    @Override
    public void close() throws IOException {
        try {
            for (Canary canary : canaries) {
                canary.close();
            }
        } finally {
            for (Client client : List.copyOf(clients)) {
                client.close();
            }
            server.stop(Duration.ofSeconds(20));
        }
        ledger.verify();
        ServerStats stats = server.stats();
        assertThat(stats.open()).isZero();
        assertThat(stats.accepted())
                .isEqualTo(stats.closed().values().stream()
                        .mapToLong(count -> count)
                        .sum());
        if (runs == 1) {
            assertThat(stats.accepted()).isGreaterThanOrEqualTo(ledger.books().size());
            assertThat(stats.bytesRead()).isGreaterThanOrEqualTo(ledger.bytesReceived());
            ledger.reasons()
                    .forEach((reason, count) -> assertThat(stats.closed().get(reason))
                            .as("%s", reason)
                            .isGreaterThanOrEqualTo(count));
        }
    }
}
