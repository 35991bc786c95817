package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How long the example's distribution takes from the start of its launcher to the first echo: command line, injector, logging
 * and all, as just unpacked and once {@code bin/prepare} has run.
 */
@Command(
        name = "start",
        showDefaultValues = true,
        description = "Starts the example daemon again and again and tells the time to its first echo.")
final class DaemonStart implements Callable<Integer> {
    private static final long BETWEEN_CONNECTS_NANOS = 1_000_000;

    @Option(names = "--starts", description = "How many, of each kind.")
    private int starts = 15;

    @Option(names = "--java-home", description = "The JDK; by default the one that runs this, then the newest.")
    private List<Path> javaHomes = List.of();

    @Option(names = "--distribution", description = "The archive that the build has made.")
    private Path distribution = Path.of("example-daemon/target/example-daemon.tar.gz");

    @Override
    public Integer call() throws IOException, InterruptedException {
        Path folder = Path.of("benchmarks/target/start").toAbsolutePath();
        List<Jdk> jdks = javaHomes.isEmpty()
                ? List.of(Jdk.at(Path.of(System.getProperty("java.home"))), Jdk.newest())
                : javaHomes.stream().map(Jdk::at).toList();
        for (Jdk jdk : jdks.stream().distinct().toList()) {
            run(jdk, "rm", "-rf", folder.toString());
            Files.createDirectories(folder);
            run(jdk, "tar", "xzf", distribution.toString(), "-C", folder.toString(), "--strip-components=1");
            String program = folder.resolve("bin/example").toString();
            report(jdk, "unpacked", program);
            run(jdk, folder.resolve("bin/prepare").toString());
            report(jdk, "prepared", program);
        }
        return 0;
    }

    private void report(Jdk jdk, String state, String program) throws IOException, InterruptedException {
        Histogram nanos = new Histogram(3);
        for (int i = 0; i < starts; i++) {
            nanos.recordValue(firstEchoNanos(jdk, program));
        }
        System.out.printf(
                "JDK %s, %s: start to first echo %.0f ms (median of %d; %.0f to %.0f)%n",
                jdk.version(),
                state,
                nanos.getValueAtPercentile(50) / 1e6,
                starts,
                nanos.getMinValue() / 1e6,
                nanos.getMaxValue() / 1e6);
    }

    private static long firstEchoNanos(Jdk jdk, String program) throws IOException, InterruptedException {
        InetSocketAddress address = free();
        long start = System.nanoTime();
        Process process = command(
                        jdk, program, "--bind", address.getHostString(), "--port", Integer.toString(address.getPort()))
                .start();
        try {
            awaitEcho(process, address);
            return System.nanoTime() - start;
        } finally {
            process.destroy();
            process.waitFor();
        }
    }

    private static InetSocketAddress free() throws IOException {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        try (ServerSocket socket = new ServerSocket(0, 1, loopback)) {
            return new InetSocketAddress(loopback, socket.getLocalPort());
        }
    }

    private static void awaitEcho(Process process, InetSocketAddress address) throws IOException {
        while (true) {
            try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
                socket.getOutputStream().write('x');
                if (socket.getInputStream().read() != 'x') {
                    throw new IllegalStateException("the example did not echo what it was sent");
                }
                return;
            } catch (IOException notYet) {
                if (!process.isAlive()) {
                    throw new IOException("the example ended: status=" + process.exitValue(), notYet);
                }
                LockSupport.parkNanos(BETWEEN_CONNECTS_NANOS);
            }
        }
    }

    private static ProcessBuilder command(Jdk jdk, String... words) {
        ProcessBuilder builder = new ProcessBuilder(words).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("JAVA_HOME", jdk.home().toString());
        return builder;
    }

    private static void run(Jdk jdk, String... words) throws IOException, InterruptedException {
        int status = command(jdk, words).start().waitFor();
        if (status != 0) {
            throw new IOException(String.join(" ", words) + " ended: status=" + status);
        }
    }
}
