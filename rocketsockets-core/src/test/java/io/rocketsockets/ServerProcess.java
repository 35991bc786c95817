package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** An echo server in a process of its own, for tests that take something away from the whole process. */
final class ServerProcess implements AutoCloseable {
    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final SocketAddress address;

    /** @param outside more of the class path, relative to the module */
    ServerProcess(String engine, String... outside) throws Exception {
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xshare:off",
                        "-cp",
                        classPath(outside),
                        ServerProcess.class.getName(),
                        engine)
                .redirectErrorStream(true)
                .start();
        BufferedReader output = process.inputReader(UTF_8);
        Thread reader = new Thread(() -> output.lines().forEach(lines::add), "test-output");
        reader.setDaemon(true);
        reader.start();
        address = new InetSocketAddress("127.0.0.1", Integer.parseInt(nextLine()));
    }

    /** Tests run on the module path or on the class path; the process runs on the latter. */
    private static String classPath(String... outside) {
        Path module = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        Stream<String> ours = Stream.concat(Stream.of("target/classes", "target/test-classes"), Stream.of(outside))
                .map(path -> module.resolve(path).toString());
        return Stream.concat(
                        ours, Stream.of(System.getProperty("jdk.module.path"), System.getProperty("java.class.path")))
                .filter(path -> path != null && !path.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** In the process: echoes until its input ends. */
    public static void main(String[] args) throws IOException {
        SocketServer server = RocketServer.create(x -> x.engine(args[0])
                .eventLoops(1)
                .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0)));
        server.start(EngineContract.echo());
        System.out.println(((InetSocketAddress) server.localAddress("default")).getPort());
        System.in.transferTo(OutputStream.nullOutputStream());
        server.stop();
    }

    SocketAddress address() {
        return address;
    }

    /** The next line of output that is none of a stack trace. */
    String nextLine() throws InterruptedException {
        while (true) {
            String line = lines.poll(20, SECONDS);
            assertThat(line).as("output of the process").isNotNull();
            if (!line.startsWith("\t") && !line.startsWith("java.") && !line.startsWith("Caused by")) {
                return line;
            }
        }
    }

    int linesUntil(String text) throws InterruptedException {
        int count = 1;
        while (!nextLine().contains(text)) {
            count++;
        }
        return count;
    }

    int highestDescriptor() throws IOException {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
            return descriptors
                    .mapToInt(each -> Integer.parseInt(each.getFileName().toString()))
                    .max()
                    .orElseThrow();
        }
    }

    /** The soft limit. */
    void limitDescriptors(int limit) throws Exception {
        Process prlimit = new ProcessBuilder("prlimit", "--pid", "" + process.pid(), "--nofile=" + limit + ":")
                .inheritIO()
                .start();
        assertThat(prlimit.waitFor()).isZero();
    }

    Duration cpu() {
        return process.info().totalCpuDuration().orElse(Duration.ZERO);
    }

    @Override
    public void close() throws IOException {
        process.getOutputStream().close();
        try {
            assertThat(process.waitFor(20, SECONDS)).as("the process ends").isTrue();
        } catch (InterruptedException deadline) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
    }
}
