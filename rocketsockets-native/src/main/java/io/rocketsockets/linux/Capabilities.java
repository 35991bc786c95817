package io.rocketsockets.linux;

import java.util.Optional;

/**
 * What of the native engines this JVM and kernel allow; asked once.
 *
 * @param epoll why there is no epoll engine, with the remedy; empty when there is one
 * @param uring why there is no io_uring engine, with the remedy; empty when there is one
 */
public record Capabilities(Optional<String> epoll, Optional<String> uring) {
    /** Asks the kernel at the first call; from any thread. */
    public static Capabilities ofThisMachine() {
        return OfThisMachine.ASKED;
    }

    private static final class OfThisMachine {
        static final Capabilities ASKED = ask();
    }

    private static Capabilities ask() {
        Optional<String> refusal = refusalOfThisJvm();
        return refusal.isPresent()
                ? new Capabilities(refusal, refusal)
                : new Capabilities(Optional.empty(), IoUring.unavailable(new Libc()));
    }

    /** What keeps every native engine from working. */
    private static Optional<String> refusalOfThisJvm() {
        String system = System.getProperty("os.name");
        String architecture = System.getProperty("os.arch");
        if (!system.equals("Linux")) {
            return Optional.of("needs Linux: this is " + system + "; use engine nio");
        }
        if (!architecture.equals("amd64") && !architecture.equals("aarch64")) {
            return Optional.of("needs an amd64 or aarch64 processor: this is " + architecture + "; use engine nio");
        }
        try {
            new Libc().errno();
            return Optional.empty();
        } catch (IllegalCallerException | ExceptionInInitializerError | NoClassDefFoundError forbidden) {
            Module module = Capabilities.class.getModule();
            return Optional.of("may not call native code in this JVM; start it with --enable-native-access="
                    + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
        } catch (UnsatisfiedLinkError missing) {
            return Optional.of(missing.getMessage() + "; use engine nio");
        }
    }
}
