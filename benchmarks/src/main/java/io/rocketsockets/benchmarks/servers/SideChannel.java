package io.rocketsockets.benchmarks.servers;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * How the driver and a server process talk: a line {@code READY <port>} on standard output, then one number for each
 * command on standard input.
 *
 * <p><b>Commands:</b> {@code allocated} (bytes that the live threads have allocated), {@code compiled} (milliseconds of
 * compilation), {@code collect} (a full collection, and what is free outside the heap back to the system; answered by 0),
 * {@code heap} and {@code direct} (bytes in use).
 * <p><b>End:</b> the server leaves when its input ends, so that none outlives the driver.
 */
final class SideChannel {
    private SideChannel() {}

    static void serve(int port) throws IOException {
        System.out.println("READY " + port);
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String command = commands.readLine(); command != null; command = commands.readLine()) {
            System.out.println(answer(command));
        }
        Runtime.getRuntime().halt(0);
    }

    private static long answer(String command) {
        switch (command) {
            case "allocated":
                return allocatedBytes();
            case "compiled":
                return ManagementFactory.getCompilationMXBean().getTotalCompilationTime();
            case "collect":
                System.gc();
                trimNativeHeap();
                return 0;
            case "heap":
                return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
            case "direct":
                return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                        .mapToLong(BufferPoolMXBean::getMemoryUsed)
                        .sum();
            default:
                throw new IllegalArgumentException("unknown command: " + command);
        }
    }

    /** What malloc keeps of the compilers' memory, which no connection holds; where the JVM can, as newer ones on Linux. */
    private static void trimNativeHeap() {
        try {
            ManagementFactory.getPlatformMBeanServer()
                    .invoke(
                            new ObjectName("com.sun.management:type=DiagnosticCommand"),
                            "systemTrimNativeHeap",
                            null,
                            null);
        } catch (JMException unknown) {
            System.err.println("native memory is not trimmed: " + unknown);
        }
    }

    private static long allocatedBytes() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long[] bytes = threads.getThreadAllocatedBytes(threads.getAllThreadIds());
        return Arrays.stream(bytes).filter(x -> x > 0).sum();
    }
}
