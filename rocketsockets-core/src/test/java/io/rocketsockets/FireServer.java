package io.rocketsockets;

import static java.util.concurrent.TimeUnit.DAYS;

import io.rocketsockets.Certificates.Identity;
import io.rocketsockets.Certificates.Request;
import io.rocketsockets.tls.ClientCertificates;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The echo server that {@code src/test/fire/run} sets tools upon, in a process of its own. Arguments are {@code name=value};
 * it prints its port, and why each socket closed.
 */
final class FireServer {
    private FireServer() {}

    public static void main(String[] args) throws Exception {
        Map<String, String> options = Stream.of(args)
                .map(each -> each.split("=", 2))
                .collect(Collectors.toMap(each -> each[0], each -> each[1]));
        // Another thread prints, so that the system calls of a loop are those of its sockets.
        BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        SocketServer server = RocketServer.create(x -> configure(x, options));
        Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
        boolean inMessage = options.containsKey("message");
        server.start((SocketHandle socket) -> {
            socket.startReading();
            if (inMessage) {
                socket.messageBegins();
            }
            return EngineContract.session(
                    socket::write,
                    () -> lines.add("closed " + socket.closeReason().orElseThrow()));
        });
        lines.add("port " + ((InetSocketAddress) server.localAddress("fire")).getPort());
        for (String line = ""; line != null; line = lines.poll(1, DAYS)) {
            System.out.println(line);
        }
    }

    private static void configure(ServerConfigurator server, Map<String, String> options) {
        server.engine(options.getOrDefault("engine", "nio"))
                .eventLoops(Integer.parseInt(options.getOrDefault("loops", "1")))
                .surplusConnections(ConnectionLimits.Surplus.valueOf(options.getOrDefault("surplus", "WAIT")))
                .addEndpoint("fire", endpoint -> {
                    endpoint.bindTo(options.getOrDefault("address", "127.0.0.1"))
                            .port(0)
                            .timeouts(timeouts -> timeouts.idle(seconds(options, "idle"))
                                    .write(seconds(options, "write"))
                                    .firstByte(seconds(options, "firstByte")));
                    if (options.containsKey("tls")) {
                        SecureContract.unchecked(() -> secure(endpoint, Path.of(options.get("tls")), options));
                    }
                    if (options.containsKey("keepAlive")) {
                        endpoint.keepAlive(seconds(options, "keepAlive"), seconds(options, "keepAlive"), 2);
                    }
                });
    }

    /** Leaves in the folder what clients need: the authority of server.test, and a certificate of their own. */
    private static EndpointConfigurator secure(EndpointConfigurator endpoint, Path folder, Map<String, String> options)
            throws Exception {
        Identity authority = Certificates.authority("fire authority");
        String trusted = authority.write(folder.resolve("ca.pem")).toString();
        String ec =
                authority.issue("server.test").write(folder.resolve("ec.pem")).toString();
        Request rsa = new Request("CN=server.test", "RSA").names("server.test");
        String second = rsa.by(authority).write(folder.resolve("rsa.pem")).toString();
        Request client = new Request("CN=client.test", "EC").usage(Certificates.CLIENT_AUTH);
        client.by(authority).write(folder.resolve("client.pem"));
        ClientCertificates mode = ClientCertificates.valueOf(options.getOrDefault("clients", "NONE"));
        return endpoint.secureSockets(tls -> tls.certFrom(ec).certFrom(second).clientCertificates(mode, trusted));
    }

    private static Duration seconds(Map<String, String> options, String name) {
        return Duration.ofSeconds(Long.parseLong(options.getOrDefault(name, "0")));
    }
}
