package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** One running server, and what the kernel says of it. */
final class ServerProcess implements AutoCloseable {
    /** Of the fields in /proc/PID/stat: the kernel reports 100 ticks a second whatever its own rate is. */
    private static final long NANOS_PER_TICK = 10_000_000;

    /** More than a few, since each pair of addresses has only 28,232 ports. */
    private static final int HOSTS = 250;

    private static final long ATTACH_MILLIS = 200;

    /** The kernel keeps 15 characters of a thread's name. */
    private static final Pattern LOOPS = Pattern.compile("rocketsockets-l|multiThreadIoEv|vert.x-eventloo");

    private final Child child;

    ServerProcess(Child child) {
        this.child = child;
    }

    int port() {
        return child.ready();
    }

    /** Its port on loopback addresses in turn. */
    InetSocketAddress address(int turn) throws IOException {
        byte[] host = {127, 0, 0, (byte) (1 + turn % HOSTS)};
        return new InetSocketAddress(InetAddress.getByAddress(host), port());
    }

    /** User and system time of all threads, also of those that have ended. */
    long cpuNanos() throws IOException {
        String stat = Files.readString(child.proc("stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * NANOS_PER_TICK;
    }

    /** For how long each event loop has been running, told by the names of their threads; a loop that never ran has none. */
    long[] loopNanos() throws IOException {
        try (Stream<Path> threads = Files.list(child.proc("task"))) {
            return threads.filter(ServerProcess::isLoop)
                    .sorted()
                    .mapToLong(ServerProcess::runningNanos)
                    .toArray();
        }
    }

    private static boolean isLoop(Path thread) {
        return LOOPS.matcher(read(thread.resolve("comm"))).lookingAt();
    }

    private static long runningNanos(Path thread) {
        return Long.parseLong(read(thread.resolve("schedstat")).split(" ")[0]);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException ended) {
            throw new UncheckedIOException("a thread of the server has ended", ended);
        }
    }

    long residentBytes() throws IOException {
        for (String line : Files.readAllLines(child.proc("status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        throw new IOException("no VmRSS in " + child.proc("status"));
    }

    /** Bytes allocated since the start by the threads that live. */
    long allocatedBytes() throws IOException {
        return child.ask("allocated");
    }

    /** For how long the JVM's compilers have worked since the start. */
    long compilerMillis() throws IOException {
        return child.ask("compiled");
    }

    /** Bytes of the heap in use. */
    long heapBytes() throws IOException {
        return child.ask("heap");
    }

    /** Bytes outside the heap that Java code has allocated. */
    long directBytes() throws IOException {
        return child.ask("direct");
    }

    /** Collects the server's garbage, so that what remains is held. */
    void collect() throws IOException {
        child.ask("collect");
    }

    /** Attaches strace, which counts all system calls until it is told to end, and returns when it does. */
    Process countSystemCalls(Path counts) throws IOException, InterruptedException {
        String[] command = {"strace", "-c", "-f", "-o", counts.toString(), "-p", Long.toString(child.pid())};
        Process strace = new ProcessBuilder(command).start();
        String attached = strace.errorReader(StandardCharsets.US_ASCII).readLine();
        if (attached == null || !attached.contains("attached")) {
            throw new IOException("cannot trace: " + attached);
        }
        // It says so once it knows all threads, not once it holds all of them.
        Thread.sleep(ATTACH_MILLIS);
        return strace;
    }

    @Override
    public void close() {
        child.close();
    }
}
