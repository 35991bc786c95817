package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.opentest4j.TestAbortedException;

/**
 * Runs the tests of a contract in a process of its own in a network namespace of its own, where the network may be broken.
 * Here stay their names, results and deadlines. Parameters are of type int.
 */
final class InNamespace implements BeforeAllCallback, AfterAllCallback, InvocationInterceptor {
    /** Less than the deadline of a test, so that it is the process that shows its threads. */
    private static final int PATIENCE_SECONDS = 50;

    private static final String PASSED = "= passed";
    private static final String FAILED = "= failed";
    private static final String SKIPPED = "= skipped";

    /** What has to be possible, and what the namespace is like at first. */
    private static final String PREPARE = "ip link set lo up && ip addr add " + BadPath.SERVER + "/32 dev lo"
            + " && echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save";

    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private Process process;

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        for (String tool : List.of("unshare", "ip", "nft", "tc")) {
            assumeTrue(succeeds("sh", "-c", "command -v " + tool), "skipped: there is no " + tool);
        }
        assumeTrue(
                succeeds("unshare", "-n", "sh", "-c", PREPARE + " && nft add table ip probe"),
                "skipped: network namespace refused (needs CAP_SYS_ADMIN, CAP_NET_ADMIN, nf_tables)");
        List<String> command = new ArrayList<>(List.of("unshare", "-n", "sh", "-c", PREPARE + " && exec \"$@\"", "sh"));
        command.addAll(List.of(ServerProcess.java(), "-ea", "-cp", ServerProcess.classPath()));
        command.addAll(List.of(
                InNamespace.class.getName(), context.getRequiredTestClass().getName()));
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        BufferedReader output = process.inputReader(UTF_8);
        Thread reader = new Thread(() -> output.lines().forEach(lines::add), "test-output");
        reader.setDaemon(true);
        reader.start();
    }

    private static boolean succeeds(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor() == 0;
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        if (process != null) {
            process.getOutputStream().close();
            try {
                assertThat(process.waitFor(20, SECONDS)).as("the process ends").isTrue();
            } finally {
                process.destroyForcibly();
            }
        }
    }

    @Override
    public void interceptTestMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> test, ExtensionContext context)
            throws Throwable {
        invocation.skip();
        runThere(test);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> test, ExtensionContext context)
            throws Throwable {
        invocation.skip();
        runThere(test);
    }

    private void runThere(ReflectiveInvocationContext<Method> test) throws Exception {
        StringBuilder line = new StringBuilder()
                .append(test.getExecutable().getDeclaringClass().getName())
                .append(' ')
                .append(test.getExecutable().getName());
        test.getArguments().forEach(argument -> line.append(' ').append(argument));
        process.getOutputStream().write(line.append('\n').toString().getBytes(UTF_8));
        process.getOutputStream().flush();
        List<String> said = new ArrayList<>();
        while (true) {
            String next = lines.poll(PATIENCE_SECONDS, SECONDS);
            if (next == null) {
                throw new AssertionError("no result of " + line + " within " + PATIENCE_SECONDS + " s, it hangs in\n"
                        + String.join("\n", threads()));
            }
            if (next.startsWith(PASSED)) {
                return;
            }
            if (next.startsWith(SKIPPED)) {
                abort(next.substring(SKIPPED.length()));
            }
            if (next.startsWith(FAILED)) {
                throw new AssertionError("in the namespace:\n" + String.join("\n", said));
            }
            said.add(next);
        }
    }

    /** Prints what the process does, and ends it. */
    private List<String> threads() throws Exception {
        succeeds("kill", "-QUIT", "" + process.pid());
        List<String> said = new ArrayList<>();
        for (String next = lines.poll(2, SECONDS); next != null; next = lines.poll(2, SECONDS)) {
            said.add(next);
        }
        process.destroyForcibly();
        return said;
    }

    // ---- In the process ----

    /** Runs the tests of a class that its input names, until that ends. */
    public static void main(String[] args) throws Exception {
        EngineContract.warmUp();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(run(args[0], line.split(" ")));
        }
    }

    private static String run(String testClass, String... words) {
        try {
            EngineContract test = create(Class.forName(testClass));
            Method method = Stream.of(Class.forName(words[0]).getDeclaredMethods())
                    .filter(each -> each.getName().equals(words[1]))
                    .findAny()
                    .orElseThrow();
            Object[] arguments =
                    Arrays.stream(words).skip(2).map(Integer::valueOf).toArray();
            test.startCounting();
            invoke(test, method, arguments);
            return PASSED;
        } catch (TestAbortedException skipped) {
            return SKIPPED + skipped.getMessage();
        } catch (Throwable failure) {
            failure.printStackTrace(new PrintStream(System.out, true, UTF_8));
            return FAILED;
        }
    }

    private static void invoke(EngineContract test, Method method, Object... arguments) throws Throwable {
        Throwable fault = null;
        try {
            method.invoke(test, arguments);
        } catch (InvocationTargetException failure) {
            fault = failure.getCause();
        }
        try {
            test.nothingIsLeftAndAllBooksBalance();
        } catch (Throwable failure) {
            if (fault == null) {
                throw failure;
            }
            fault.addSuppressed(failure);
        }
        if (fault != null) {
            throw fault;
        }
    }

    private static EngineContract create(Class<?> type) throws ReflectiveOperationException {
        Constructor<?> constructor = type.getDeclaredConstructors()[0];
        Class<?> around = type.getEnclosingClass();
        return (EngineContract)
                (constructor.getParameterCount() == 0
                        ? constructor.newInstance()
                        : constructor.newInstance(
                                around.getDeclaredConstructor().newInstance()));
    }
}
