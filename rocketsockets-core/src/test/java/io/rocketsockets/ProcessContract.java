package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.rocketsockets.ServerProcess.Behaviour;
import java.io.IOException;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Groups H, I and O: what can only be taken away from a whole process, or done to one. */
@Tag("process")
abstract class ProcessContract extends EngineContract {
    @TempDir
    Path folder;

    private ServerProcess process(List<String> wrapper, List<String> jvmOptions, Behaviour behaviour) throws Exception {
        return closeLater(new ServerProcess(wrapper, jvmOptions, engine(), behaviour));
    }

    private Client connect(ServerProcess server) throws IOException {
        return closeLater(new Client(server.address()));
    }

    private static void succeeds(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor())
                .as("%s: %s", String.join(" ", command), output)
                .isZero();
    }

    private static void needs(String tool, String debianPackage) {
        assumeTrue(
                Stream.of("/usr/bin", "/bin", "/usr/sbin", "/sbin")
                        .anyMatch(each -> Files.isExecutable(Path.of(each, tool))),
                "skipped: no " + tool + " (apt install " + debianPackage + ")");
    }

    // ---- Memory ----

    /** The heap is filled to the last bytes again and again, so that any allocation of the server may be the one to fail. */
    @Test
    void h3_whereverTheHeapRunsOutSomeConnectionsAreLostAndTheServerIsNot() throws Exception {
        ServerProcess server = process(List.of(), List.of("-Xmx32m", "-XX:+UseSerialGC"), Behaviour.STARVING);
        for (int i = 0; i < 100; i++) {
            try (Client client = new Client(server.address())) {
                assertThat(client.exchange("warm")).isEqualTo("warm");
            }
        }
        long began = System.nanoTime();
        try (Client client = new Client(server.address())) {
            client.exchange("h");
        }
        int lost = 0;
        int served = 0;
        while (System.nanoTime() - began < ServerProcess.STARVATION.toNanos()) {
            try (Client client = new Client(server.address())) {
                assertThat(client.exchange("x" + served)).isEqualTo("x" + served);
                served++;
            } catch (IOException refused) {
                lost++;
            }
        }
        assertThat(server.lineWith("starved "))
                .as("served=%s lost=%s", served, lost)
                .isNotEqualTo("starved 0");
        List<Client> after = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            after.add(connect(server));
            assertThat(after.get(i).exchange("after")).isEqualTo("after");
        }
        server.endInput();
        server.lineWith("closed: {");
        for (Client client : after) {
            assertThat(client.receiveAll()).isEmpty();
        }
    }

    /** Every connection wants a chunk in the same turn, and there is direct memory for a few. */
    @Test
    void h5_withoutDirectMemoryForMoreChunksEverythingIsSentFromTheHeap() throws Exception {
        ServerProcess server = process(List.of(), List.of("-XX:MaxDirectMemorySize=448k"), Behaviour.CHAT);
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            clients.add(connect(server));
            clients.get(i).exchange("x");
            for (Client earlier : clients.subList(0, i)) {
                assertThat(earlier.receive(1)).isEqualTo("x");
            }
        }
        clients.get(0).send("to everybody");
        for (Client client : clients) {
            assertThat(client.receive(12)).isEqualTo("to everybody");
        }
    }

    @Test
    void h5_withoutDirectMemoryForALoopTheStartSaysSo() throws Exception {
        Process process = ServerProcess.start(
                List.of(), List.of("-XX:MaxDirectMemorySize=100k"), new String[0], FailingStart.class, engine(), "1");
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        if (output.contains("started")) {
            abort("skipped: engine " + engine() + " takes its buffers from elsewhere");
        }
        assertThat(output)
                .contains(
                        "cannot open event loop: number=0 of eventLoops=1",
                        "descriptors, threads or memory",
                        "left: 0");
    }

    @Test
    void h6_withoutThreadsTheStartFailsAndNothingIsLeft() throws Exception {
        needs("prlimit", "util-linux");
        // Each thread asks for so much address space that two or three fit below the limit.
        Process process =
                ServerProcess.start(List.of(), List.of("-Xss512m"), new String[0], FailingStart.class, engine(), "64");
        assertThat(process.inputReader(UTF_8).readLine()).isEqualTo("ready");
        long size = Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
                .filter(line -> line.startsWith("VmSize:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findAny()
                .orElseThrow();
        succeeds("prlimit", "--pid", "" + process.pid(), "--as=" + (size * 1024 + (1500L << 20)));
        process.getOutputStream().close();
        String output = process.inputReader(UTF_8).lines().reduce("", (all, line) -> all + "\n" + line);
        assertThat(output)
                .contains("cannot open event loop: number=", "of eventLoops=64", "native thread", "left: 0")
                .doesNotContain("started");
    }

    /** Starts a server once its input ends, which fails, and tells what is left of it. */
    static final class FailingStart {
        private FailingStart() {}

        public static void main(String[] args) throws Exception {
            Selector.open().close(); // the JDK keeps a descriptor or two of its first ones
            SocketChannel.open().close();
            System.out.println("ready");
            System.in.readAllBytes();
            long descriptors = Leaks.descriptors();
            SocketServer server = RocketServer.create(x -> x.engine(args[0])
                    .eventLoops(Integer.parseInt(args[1]))
                    .addEndpoint("test", e -> e.bindTo("127.0.0.1").port(0)));
            try {
                server.start(EngineContract.echo());
                System.out.println("started");
                server.stop();
            } catch (ServerStartException expected) {
                System.out.println(expected.getMessage());
            }
            System.out.println("left: "
                    + (Leaks.descriptors() - descriptors + Leaks.threads().size()));
        }
    }

    /** Of a group of processes that may use 1 MiB for TCP, which ten peers that do not read have used up. */
    @Test
    void h8_withoutMemoryOfTheKernelForTcpEverybodyIsSlowAndNobodyLost() throws Exception {
        Path group = Path.of(
                "/sys/fs/cgroup/memory/rocketsockets-" + ProcessHandle.current().pid());
        assumeTrue(
                Files.exists(group.resolveSibling("memory.kmem.tcp.limit_in_bytes"))
                        && Files.isWritable(group.getParent()),
                "skipped: no writable cgroup v1 memory controller (memory.kmem.tcp)");
        long limit = 1 << 20;
        Files.createDirectory(group);
        Files.writeString(group.resolve("memory.kmem.tcp.limit_in_bytes"), "" + limit);
        ServerProcess server = process(
                List.of("sh", "-c", "echo $$ >" + group + "/cgroup.procs && exec \"$@\"", "sh"),
                List.of(),
                Behaviour.GREEDY);
        closeLater(() -> await().ignoreExceptions().until(() -> Files.deleteIfExists(group))); // its process has ended
        Client reader = connect(server);
        reader.exchange("before");
        for (int i = 0; i < 10; i++) {
            connect(server).send(new byte[] {MemoryContract.STREAM});
        }
        await().until(() -> Long.parseLong(Files.readString(group.resolve("memory.kmem.tcp.max_usage_in_bytes"))
                        .strip())
                >= limit);
        for (int i = 0; i < 20; i++) {
            assertThat(reader.exchange("echo " + i)).isEqualTo("echo " + i);
        }
        reader.send(new byte[] {MemoryContract.STREAM}).receiveBytes(MemoryContract.TEN_MEBIBYTES);
        assertThat(connect(server).exchange("new")).isEqualTo("new");
        server.endInput();
        assertThat(server.lineWith("closed: {")).isEqualTo("closed: {}");
    }

    // ---- The log ----

    /** Of Logback: where its lines go. */
    private List<String> logTo(String appender) throws IOException {
        Path configuration = folder.resolve("logback.xml");
        Files.writeString(configuration, "<configuration>" + appender + "</configuration>");
        return List.of("-Dlogback.configurationFile=" + configuration);
    }

    private static String file(Path file) {
        return "<appender name=\"file\" class=\"ch.qos.logback.core.FileAppender\"><file>" + file
                + "</file><encoder><pattern>%msg%n</pattern></encoder></appender>";
    }

    /** Callbacks throw, which is logged; a second client is served all the while. */
    private void logsAndServes(ServerProcess server) throws Exception {
        Client canary = connect(server);
        for (int i = 0; i < 30; i++) {
            try (Client client = new Client(server.address())) {
                assertThat(client.send("throw").receiveAll()).isEmpty();
            }
            assertThat(canary.exchange("canary")).isEqualTo("canary");
        }
        canary.exchange("now the turn that closed the last one is over");
        server.endInput();
        assertThat(server.lineWith("closed: {")).isEqualTo("closed: {HANDLER_FAILED=30}");
    }

    @Test
    void h10_aFullDiskHarmsNobody() throws Exception {
        assumeTrue(Files.isWritable(Path.of("/dev/full")), "skipped: no /dev/full");
        logsAndServes(process(
                List.of(),
                logTo(file(Path.of("/dev/full")) + "<root level=\"INFO\"><appender-ref ref=\"file\"/></root>"),
                Behaviour.THROWING));
    }

    @Test
    void h10_aClosedStandardErrorHarmsNobody() throws Exception {
        String console =
                "<appender name=\"err\" class=\"ch.qos.logback.core.ConsoleAppender\"><target>System.err</target>"
                        + "<encoder><pattern>%msg%n</pattern></encoder></appender>"
                        + "<root level=\"INFO\"><appender-ref ref=\"err\"/></root>";
        logsAndServes(process(List.of("sh", "-c", "exec \"$@\" 2>&-", "sh"), logTo(console), Behaviour.THROWING));
    }

    /** What README says of it: an asynchronous appender that would rather lose a line than wait. */
    @Test
    void h10_aBlockedPipeHarmsNobodyBehindAnAppenderThatNeverBlocks() throws Exception {
        needs("mkfifo", "coreutils");
        Path pipe = folder.resolve("pipe");
        succeeds("mkfifo", pipe.toString());
        Process reader = new ProcessBuilder("sh", "-c", "exec sleep 60 <" + pipe).start();
        closeLater(reader::destroyForcibly);
        succeeds("sh", "-c", "timeout 1 cat /dev/zero >" + pipe + "; test $? = 124");
        ServerProcess server = process(
                List.of(),
                logTo(file(pipe)
                        + "<appender name=\"async\" class=\"ch.qos.logback.classic.AsyncAppender\">"
                        + "<queueSize>10</queueSize><neverBlock>true</neverBlock><appender-ref ref=\"file\"/></appender>"
                        + "<root level=\"INFO\"><appender-ref ref=\"async\"/></root>"),
                Behaviour.THROWING);
        logsAndServes(server);
    }

    // ---- Processors and time ----

    /** A twentieth of a processor, in slices of 5 ms. */
    @Test
    void h11_withLittleOfAProcessorItIsSlowAndTimesNobodyOut() throws Exception {
        ServerProcess server = process(List.of(), List.of(), Behaviour.ECHO_IDLE_2_SECONDS);
        Client client = connect(server);
        client.exchange("before");
        Process starving = new ProcessBuilder(
                        "bash",
                        "-c",
                        "trap 'kill -CONT $1; exit' TERM; while kill -STOP $1; do sleep 0.095; kill -CONT $1; sleep 0.005;"
                                + " done",
                        "bash",
                        "" + server.pid())
                .start();
        try {
            for (int i = 0; i < 3; i++) {
                pass(Duration.ofSeconds(1));
                assertThat(client.exchange("slow " + i)).isEqualTo("slow " + i);
                assertThat(connect(server).exchange("new")).isEqualTo("new");
            }
        } finally {
            starving.destroy();
            starving.waitFor();
        }
        assertThat(client.exchange("after")).isEqualTo("after");
        assertThat(client.receiveAll()).as("idle at last").isEmpty();
    }

    @Test
    void o1_aJumpOfTheWallClockMovesNoTimer() throws Exception {
        Path library = Stream.of("x86_64-linux-gnu", "aarch64-linux-gnu")
                .map(each -> Path.of("/usr/lib", each, "faketime/libfaketimeMT.so.1"))
                .filter(Files::exists)
                .findAny()
                .orElseGet(() -> abort("skipped: no libfaketime (apt install faketime)"));
        Path clock = folder.resolve("clock");
        setClock(clock, 0);
        ServerProcess server = process(
                List.of(
                        "env",
                        "LD_PRELOAD=" + library,
                        "FAKETIME_TIMESTAMP_FILE=" + clock,
                        "FAKETIME_NO_CACHE=1",
                        "DONT_FAKE_MONOTONIC=1"),
                List.of(),
                Behaviour.ECHO_IDLE_2_SECONDS);
        for (int days : new int[] {1, -1}) {
            Client client = connect(server);
            client.exchange("before");
            long began = System.nanoTime();
            setClock(clock, days);
            assertThat(client.receiveAll()).isEmpty();
            assertThat(Duration.ofNanos(System.nanoTime() - began))
                    .isBetween(Duration.ofMillis(1900), Duration.ofMillis(3500));
        }
    }

    private static void setClock(Path file, int days) throws IOException {
        Files.writeString(file, (days < 0 ? "" : "+") + days + "d\n");
    }

    // ---- The end of a process ----

    /** Its socket is not closed by it, nor is its port free of what its connections leave. */
    @Test
    void h12_afterAKillTheNextStartOnThePortIsClean() throws Exception {
        ServerProcess killed = process(List.of(), List.of(), Behaviour.ECHO);
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            clients.add(connect(killed));
            clients.get(i).exchange("x");
        }
        clients.get(0).endOutput();
        killed.kill();
        ServerProcess next = closeLater(new ServerProcess(
                List.of(), List.of(), engine(), Behaviour.ECHO, killed.address().getPort()));
        assertThat(connect(next).exchange("again")).isEqualTo("again");
        for (Client client : clients) {
            assertThat(client.isReset() || client.read() < 0).isTrue();
        }
    }

    /** The loop waits in the exit for the hook, which waits for the loop. */
    @Test
    void i8_anExitInACallbackEndsTheProcessWithinTheGraceOfItsStop() throws Exception {
        ServerProcess server = process(List.of(), List.of(), Behaviour.EXITING);
        Client neighbour = connect(server);
        neighbour.exchange("x");
        long began = System.nanoTime();
        Client client = connect(server).send("e");
        assertThat(server.awaitExit()).isEqualTo(ServerProcess.EXIT_STATUS);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(ServerProcess.STOP_OF_EXIT.plusSeconds(2));
        assertThat(client.isReset()).isTrue();
        assertThat(neighbour.isReset() || neighbour.read() < 0).isTrue();
    }
}
