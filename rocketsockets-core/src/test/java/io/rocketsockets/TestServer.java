package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/** A server under test on a free port of the loopback, with its books and its clients. */
final class TestServer implements AutoCloseable {
    static final String ENDPOINT = "test";

    final SocketServer server;
    final Ledger ledger = new Ledger();
    private int runs;
    private final List<Client> clients = Collections.synchronizedList(new ArrayList<>());

    TestServer(Consumer<ServerConfigurator> options) {
        server = RocketServer.create(x -> {
            x.addEndpoint(ENDPOINT, endpoint -> endpoint.bindTo("127.0.0.1").port(0));
            options.accept(x);
        });
    }

    TestServer start(SocketSessionFactory application) {
        runs++;
        server.start(ledger.audit(application));
        return this;
    }

    SocketAddress address() {
        return server.localAddress(ENDPOINT);
    }

    Client connect() throws IOException {
        Client client = new Client(address());
        clients.add(client);
        return client;
    }

    Ledger.Book book(Client client) {
        return ledger.book(client.address());
    }

    SocketHandle socket(Client client) {
        return book(client).socket;
    }

    /** Also closes the clients, and compares the server's counts with the books. */
    @Override
    public void close() throws IOException {
        for (Client client : List.copyOf(clients)) {
            client.close();
        }
        server.stop(Duration.ofSeconds(20));
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
