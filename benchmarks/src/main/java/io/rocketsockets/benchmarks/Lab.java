package io.rocketsockets.benchmarks;

import io.rocketsockets.benchmarks.servers.Reply;
import io.rocketsockets.benchmarks.servers.TlsKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where measurements are made: how a contender becomes a running server, and who loads it for how long.
 *
 * @param jdk what runs the servers in Java
 * @param epollEcho the compiled server in C
 * @param epollLoad the compiled load generator in C; empty: the one in Java is used
 * @param serverCores what each server is pinned to, as taskset takes it: one core, but for {@link #onBothCores}
 * @param loadCores what the load generator is pinned to
 * @param folder where processes leave their error output
 * @param warmUp processor time that a server may use before it is measured
 * @param window how long it is measured
 */
record Lab(
        Jdk jdk,
        Optional<Path> epollEcho,
        Optional<Path> epollLoad,
        String serverCores,
        String loadCores,
        Path folder,
        Duration warmUp,
        Duration window) {
    /** The same for every Java server. Serial: with one core a concurrent collector only adds switches. */
    static final List<String> FOR_SPEED = List.of("-XX:+UseSerialGC", "-Xms256m", "-Xmx256m");

    /** A heap that starts small and, once collected, keeps little more than what is held; its young part does not grow. */
    static final List<String> FOR_MEMORY = List.of(
            "-XX:+UseSerialGC", "-Xms8m", "-Xmn4m", "-Xmx1g", "-XX:MinHeapFreeRatio=5", "-XX:MaxHeapFreeRatio=10");

    /** Where a server has both cores, and the load generator takes what it leaves. */
    Lab onBothCores() {
        String both = loadCores + "," + serverCores;
        return new Lab(jdk, epollEcho, epollLoad, both, both, folder, warmUp, window);
    }

    ServerProcess start(Contender contender, Reply reply, List<String> jvmOptions) throws IOException {
        List<String> options = new ArrayList<>(jvmOptions);
        if (reply == Reply.SECURE_ECHO) {
            if (!contender.speaksTls()) {
                throw new IOException("its program here does not speak TLS");
            }
            options.add("-D" + TlsKey.PROPERTY + "=" + tlsKey());
        }
        List<String> command = new ArrayList<>();
        if (contender.isJava()) {
            command.addAll(jdk.command(options, contender.mainClass().orElseThrow()));
        } else {
            command.add(epollEcho
                    .orElseThrow(() -> new IOException("no C compiler (cc); ratios are to the bare NIO loop"))
                    .toString());
        }
        command.add(reply.name());
        command.addAll(contender.variant());
        return new ServerProcess(new Child("server", pinned(serverCores, command), folder.resolve("server.err")));
    }

    /** A way to load a server. */
    interface Loading {
        Load of(ServerProcess server) throws IOException;
    }

    /** The server and its load, or neither. */
    ClosedLoop closedLoop(Contender contender, Exchange exchange, Loading loading, int unitsPerAnswer)
            throws IOException {
        ServerProcess server = start(contender, exchange.reply(), FOR_SPEED);
        try {
            Load load = loading.of(server);
            WarmUp warming = new WarmUp(server, contender, load, warmUp);
            return new ClosedLoop(server, contender, load, warming, unitsPerAnswer);
        } catch (IOException | RuntimeException failure) {
            server.close();
            throw failure;
        }
    }

    void warmUp(ServerProcess server, Contender contender, Load load) throws IOException {
        new WarmUp(server, contender, load, warmUp).finish();
    }

    /** Of the kind that most certificates are issued for today. */
    private Path tlsKey() throws IOException {
        Path file = folder.resolve("tls.p12");
        if (!Files.exists(file)) {
            String keytool = jdk.home().resolve("bin/keytool").toString();
            String options = " -genkeypair -alias server -dname CN=localhost -keyalg EC -groupname secp256r1"
                    + " -validity 365 -storetype PKCS12 -storepass " + TlsKey.PASSWORD + " -keystore ";
            List<String> command = new ArrayList<>(List.of((keytool + options).split(" ")));
            command.add(file.toString());
            Process making =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(making.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            if (making.onExit().join().exitValue() != 0) {
                throw new IOException("keytool cannot make a key: " + output);
            }
        }
        return file;
    }

    Load echo(ServerProcess server, Exchange exchange, int connections, int depth) throws IOException {
        if (exchange.isSecure()) {
            return SecureLoad.echo(server, exchange, tlsKey(), connections, depth);
        }
        return epollLoad.isPresent()
                ? load(server, "echo", exchange, connections, depth)
                : new EchoLoad(server, exchange, connections, depth);
    }

    Load churn(ServerProcess server, Exchange exchange, int atOnce) throws IOException {
        if (exchange.isSecure()) {
            return SecureLoad.churn(server, exchange, tlsKey(), atOnce);
        }
        return epollLoad.isPresent()
                ? load(server, "churn", exchange, atOnce, 1)
                : new ChurnLoad(server, exchange, atOnce);
    }

    /** By the generator in C, which has more modes than the one in Java. */
    Load load(ServerProcess server, String mode, Exchange exchange, int connections, int depth) throws IOException {
        List<String> command = List.of(
                epollLoad
                        .orElseThrow(() -> new IOException("needs the load generator in C"))
                        .toString(),
                Integer.toString(server.port()),
                mode,
                Integer.toString(connections),
                Integer.toString(depth),
                Integer.toString(exchange.requestBytes()),
                Integer.toString(exchange.replyBytes()));
        return new NativeLoad(new Child("load generator", pinned(loadCores, command), folder.resolve("load.err")));
    }

    private static List<String> pinned(String cores, List<String> command) {
        List<String> pinned = new ArrayList<>(List.of("taskset", "-c", cores));
        pinned.addAll(command);
        return pinned;
    }
}
