package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A server under test on a free port of the loopback, with its books, its clients and its canaries. */
final class TestServer implements AutoCloseable {
    static final String ENDPOINT = "test";

    /** Echoes whatever the application does; see {@link #canary()}. */
    static final String CANARY_ENDPOINT = "canary";

    /** The same, for the {@link Bystander}. */
    private static final String BYSTANDER_ENDPOINT = "bystander";

    final ServerConfiguration configuration;
    final SocketServer server;
    final Ledger ledger = new Ledger();
    private int runs;
    private final List<Client> clients = Collections.synchronizedList(new ArrayList<>());
    private final List<Canary> canaries = new ArrayList<>();
    private final EngineUnderTest engine;
    private final boolean hasBystander;
    private @Nullable Bystander bystander;

    /** @param hasBystander false where it would falsify what is tested */
    TestServer(
            Consumer<ServerConfigurator> options,
            Consumer<EndpointConfigurator> endpoint,
            boolean hasBystander,
            EngineUnderTest engine) {
        this.engine = engine;
        this.hasBystander = hasBystander;
        configuration = ServerConfiguration.of(x -> {
            x.addEndpoint(ENDPOINT, e -> endpoint.accept(e.bindTo("127.0.0.1").port(0)));
            options.accept(x);
            if (hasBystander) {
                x.addEndpoint(BYSTANDER_ENDPOINT, TestServer::forWitnesses);
            }
        });
        server = RocketServer.create(configuration);
    }

    static void forWitnesses(EndpointConfigurator endpoint) {
        endpoint.bindTo("127.0.0.1").port(0).timeouts(t -> Timeouts.NONE);
    }

    TestServer start(SocketSessionFactory application) {
        endBystander();
        runs++;
        SocketSessionFactory audited = ledger.audit(application);
        SocketSessionFactory echo = EngineContract.echo();
        server.start(socket -> (isOfAWitness(socket) ? echo : audited).open(socket));
        if (hasBystander) {
            bystander = newBystander();
        }
        return this;
    }

    private static boolean isOfAWitness(SocketHandle socket) {
        return socket.endpoint().equals(CANARY_ENDPOINT) || socket.endpoint().equals(BYSTANDER_ENDPOINT);
    }

    private Bystander newBystander() {
        try {
            return new Bystander(
                    server.localAddress(BYSTANDER_ENDPOINT),
                    server.stats().loops().size(),
                    server::isRunning);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private void endBystander() {
        Bystander ending = bystander;
        bystander = null;
        if (ending != null) {
            ending.close();
        }
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
        return add(connectBriefly());
    }

    /** For one of many clients, which its test closes. */
    Client connectBriefly() throws IOException {
        return engine.speaking(new Client(address()));
    }

    /** From another address of the loopback. */
    Client connectFrom(String host) throws IOException {
        return add(engine.speaking(new Client(address(), host)));
    }

    Client connectTo(String endpoint) throws IOException {
        return add(new Client(server.localAddress(endpoint)));
    }

    /** To one of this machine's addresses. */
    Client connectTo(String endpoint, String host) throws IOException {
        int port = ((InetSocketAddress) server.localAddress(endpoint)).getPort();
        return add(new Client(new InetSocketAddress(host, port)));
    }

    private Client add(Client client) {
        clients.add(client);
        return client;
    }

    Ledger.Book book(Client client) {
        return ledger.book(client.address(), client.began);
    }

    SocketHandle socket(Client client) {
        return book(client).socket;
    }

    /** Also judges the witnesses, closes the clients, looks at the loops, and compares the server's counts with the books. */
    @Override
    public void close() throws IOException {
        try {
            endBystander();
            for (Canary canary : canaries) {
                canary.close();
            }
            for (Client client : List.copyOf(clients)) {
                client.close();
            }
            if (server.isRunning()) {
                Spin.assertNone();
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
