package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.ConnectionLimits.Surplus;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A server in a process of its own, for tests that take something away from the whole process. */
final class ServerProcess implements AutoCloseable {
    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final List<String> seen = new CopyOnWriteArrayList<>();
    private final InetSocketAddress address;

    /** @param outside more of the class path, relative to the module */
    ServerProcess(String engine, String... outside) throws Exception {
        this(List.of(), List.of(), engine, Behaviour.ECHO, outside);
    }

    /**
     * @param wrapper a command that runs the command which follows it
     * @param jvmOptions of the process
     */
    ServerProcess(List<String> wrapper, List<String> jvmOptions, String engine, Behaviour behaviour, String... outside)
            throws Exception {
        this(wrapper, jvmOptions, engine, behaviour, 0, outside);
    }

    /** @param port 0 for a free one */
    ServerProcess(
            List<String> wrapper,
            List<String> jvmOptions,
            String engine,
            Behaviour behaviour,
            int port,
            String... outside)
            throws Exception {
        process = start(wrapper, jvmOptions, outside, ServerProcess.class, engine, behaviour.name(), "" + port);
        BufferedReader output = process.inputReader(UTF_8);
        Thread reader = new Thread(
                () -> output.lines().forEach(line -> {
                    seen.add(line);
                    lines.add(line);
                }),
                "test-output");
        reader.setDaemon(true);
        reader.start();
        address = new InetSocketAddress("127.0.0.1", Integer.parseInt(nextLine()));
    }

    /** Another program of the tests, with both of its outputs in one. */
    static Process start(
            List<String> wrapper, List<String> jvmOptions, String[] outside, Class<?> program, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.add(java());
        command.add("--enable-native-access=ALL-UNNAMED"); // for engines of other jars; any JVM knows the option
        command.addAll(jvmOptions);
        command.addAll(List.of("-cp", classPath(outside), program.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    /** Tests run on the module path or on the class path; the process runs on the latter. */
    static String classPath(String... outside) {
        Path module = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        Stream<String> ours = Stream.concat(Stream.of("target/classes", "target/test-classes"), Stream.of(outside))
                .map(path -> module.resolve(path).toString());
        return Stream.concat(
                        ours, Stream.of(System.getProperty("jdk.module.path"), System.getProperty("java.class.path")))
                .filter(path -> path != null && !path.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** What the server of the process is like. */
    enum Behaviour {
        ECHO(x -> {}, e -> {}, EngineContract.echo()),
        ECHO_REFUSING_SURPLUS(x -> x.surplusConnections(Surplus.REFUSE), e -> {}, EngineContract.echo()),
        ECHO_IDLE_2_SECONDS(x -> {}, e -> e.timeouts(t -> t.idle(Duration.ofSeconds(2))), EngineContract.echo()),
        ECHO_KEEP_ALIVE(
                x -> {},
                e -> e.keepAlive(Duration.ofSeconds(1), Duration.ofSeconds(1), 2),
                ServerProcess::echoThatTellsItsEnd),
        ECHO_THAT_NEVER_HURRIES(x -> {}, e -> e.timeouts(t -> Timeouts.NONE), EngineContract.echo()),
        ECHO_OVER_TLS(
                x -> {},
                e -> e.secureSockets(tls -> tls.certFrom(System.getProperty("test.certificate"))),
                EngineContract.echo()),
        CHAT(x -> {}, e -> {}, new Chat()),
        EXITING(x -> {}, e -> {}, ServerProcess::echoThatExits),
        THROWING(x -> {}, e -> {}, ServerProcess::echoThatThrows),
        STARVING(x -> {}, e -> {}, ServerProcess::echoThatStarves),
        GREEDY(x -> {}, e -> e.timeouts(t -> Timeouts.NONE), GreedySession::new);

        private final Consumer<ServerConfigurator> options;
        private final Consumer<EndpointConfigurator> endpoint;
        private final SocketSessionFactory application;

        Behaviour(
                Consumer<ServerConfigurator> options,
                Consumer<EndpointConfigurator> endpoint,
                SocketSessionFactory application) {
            this.options = options;
            this.endpoint = endpoint;
            this.application = application;
        }
    }

    private static SocketSession echoThatTellsItsEnd(SocketHandle socket) {
        socket.startReading();
        return EngineContract.session(
                socket::write,
                () -> System.out.println("closed: " + socket.closeReason().orElseThrow()));
    }

    /** What everybody says goes to everybody. */
    private static final class Chat implements SocketSessionFactory {
        private final List<SocketHandle> all = new ArrayList<>();

        @Override
        public SocketSession open(SocketHandle socket) {
            all.add(socket);
            socket.startReading();
            return bytes -> all.forEach(each -> each.write(bytes));
        }
    }

    /** How a process that {@link Behaviour#EXITING} ends. */
    static final int EXIT_STATUS = 7;

    static final Duration STOP_OF_EXIT = Duration.ofSeconds(1);

    private static SocketSession echoThatExits(SocketHandle socket) {
        socket.startReading();
        return bytes -> {
            if (bytes.get(0) == 'e') {
                System.exit(EXIT_STATUS);
            }
            socket.write(bytes);
        };
    }

    private static SocketSession echoThatThrows(SocketHandle socket) {
        socket.startReading();
        return bytes -> {
            if (bytes.get(0) == 't') {
                throw new IllegalStateException("thrown by the test");
            }
            socket.write(bytes);
        };
    }

    static final Duration STARVATION = Duration.ofSeconds(3);

    /** At an "h" the heap is full, again and again, until {@link #STARVATION} is over. */
    private static SocketSession echoThatStarves(SocketHandle socket) {
        socket.startReading();
        return bytes -> {
            if (bytes.get(0) == 'h') {
                new Thread(ServerProcess::starve, "test-hog").start();
            }
            socket.write(bytes);
        };
    }

    /** Whoever allocates while all of it is held has to fail. */
    private static void starve() {
        Object[] all = new Object[100_000];
        hold(all); // loads what it needs
        long began = System.nanoTime();
        long cycles = 0;
        while (System.nanoTime() - began < STARVATION.toNanos()) {
            int count = 0;
            for (int size = 1 << 20; size >= 16; size /= 64) {
                count = takeAll(all, count, size);
            }
            hold(all);
            cycles++;
        }
        System.out.println("starved " + cycles);
    }

    private static void hold(Object[] all) {
        LockSupport.parkNanos(5_000_000);
        Arrays.fill(all, null);
    }

    private static int takeAll(Object[] all, int first, int size) {
        int count = first;
        try {
            while (count < all.length) {
                all[count] = new byte[size];
                count++;
            }
            return count;
        } catch (OutOfMemoryError full) {
            return count;
        }
    }

    /** In the process: serves until its input ends. */
    public static void main(String[] args) throws IOException {
        Behaviour behaviour = Behaviour.valueOf(args[1]);
        int port = Integer.parseInt(args[2]);
        SocketServer server = RocketServer.create(x -> {
            x.engine(args[0]).eventLoops(1);
            behaviour.options.accept(x);
            x.addEndpoint(
                    "default",
                    e -> behaviour.endpoint.accept(e.bindTo("127.0.0.1").port(port)));
        });
        if (behaviour == Behaviour.EXITING) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(STOP_OF_EXIT)));
        }
        server.start(behaviour.application);
        System.out.println(((InetSocketAddress) server.localAddress("default")).getPort());
        System.in.transferTo(OutputStream.nullOutputStream());
        System.out.println("closed: " + new TreeMap<>(server.stats().closed()));
        server.stop(Duration.ofSeconds(1));
    }

    /** Makes more than its heap holds out of what it is sent, a letter each; echoes any other. */
    private static final class GreedySession implements SocketSession {
        private final SocketHandle socket;

        GreedySession(SocketHandle socket) {
            this.socket = socket;
            socket.startReading();
        }

        @Override
        public void onBytes(ByteBuffer bytes) {
            switch (bytes.get(0)) {
                case MemoryContract.FLOOD -> flood();
                case MemoryContract.STREAM -> stream(MemoryContract.PIECES);
                case MemoryContract.EXHAUST -> exhaust();
                default -> socket.write(bytes);
            }
        }

        /** Does not wait for what it has written; what is refused is lost. */
        private void flood() {
            for (int i = 0; i < MemoryContract.PIECES; i++) {
                socket.write(ByteBuffer.allocate(MemoryContract.PIECE_BYTES), () -> {}, refused -> {});
            }
        }

        /** Waits for each piece to be taken. */
        private void stream(int pieces) {
            if (pieces > 0) {
                socket.write(ByteBuffer.allocate(MemoryContract.PIECE_BYTES), () -> stream(pieces - 1), failure -> {});
            }
        }

        private static void exhaust() {
            List<byte[]> everything = new ArrayList<>();
            while (true) {
                everything.add(new byte[1 << 20]);
            }
        }
    }

    /** A peer of this server as a process of its own: echoes once, says so and stays. */
    static final class Peer {
        private Peer() {}

        public static void main(String[] args) throws IOException {
            try (Client client = new Client(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])))) {
                client.exchange("x");
                System.out.println("echoed");
                System.in.transferTo(OutputStream.nullOutputStream());
            }
        }
    }

    /** Another program of the tests, which is given the port. */
    Process runBeside(List<String> wrapper, Class<?> program) throws IOException {
        return start(wrapper, List.of(), new String[0], program, "" + address.getPort());
    }

    /** Ends it as the kernel does when memory is short, and a supervisor when its patience is over. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** The status of a process that ends by itself. */
    int awaitExit() throws InterruptedException {
        assertThat(process.waitFor(20, SECONDS)).as("the process ends").isTrue();
        return process.exitValue();
    }

    long pid() {
        return process.pid();
    }

    static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** Of {@code kill}: STOP, CONT. */
    void signal(String name) throws Exception {
        Process kill = new ProcessBuilder("kill", "-" + name, "" + process.pid())
                .inheritIO()
                .start();
        assertThat(kill.waitFor()).isZero();
    }

    InetSocketAddress address() {
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

    /** The next line that contains the text; those before it are skipped. */
    String lineWith(String text) throws InterruptedException {
        while (true) {
            String line = lines.poll(20, SECONDS);
            assertThat(line).as("output of the process with \"%s\"", text).isNotNull();
            if (line.contains(text)) {
                return line;
            }
        }
    }

    /** Everything that was printed so far. */
    List<String> seen() {
        return seen;
    }

    /** The process prints what it has closed and stops. */
    void endInput() throws IOException {
        process.getOutputStream().close();
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
