package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.rocketsockets.engine.Engine;
import io.rocketsockets.engine.EngineFactory;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which engine is chosen, and what is said of those that do not work here. */
class EnginesTest {
    @TempDir
    Path jar;

    /** Works. */
    public static final class Uring extends Provider {
        public Uring() {
            super("io_uring", null);
        }
    }

    /** Works. */
    public static final class Epoll extends Provider {
        public Epoll() {
            super("epoll", null);
        }
    }

    /** Does not work here. */
    public static final class RefusedUring extends Provider {
        public RefusedUring() {
            super("io_uring", "is refused by a filter; allow io_uring_setup");
        }
    }

    /** Cannot even be made. */
    public static final class Broken extends Provider {
        public Broken() {
            super(Objects.requireNonNull(System.getProperty("no.such.property"), "broken provider"), null);
        }
    }

    @Test
    void autoTakesTheBestThatWorks() throws Exception {
        Engines engines = installed(Epoll.class, Uring.class);

        assertThat(engines.choose("auto")).hasToString("io_uring (auto)");
        assertThat(engines.choose("epoll")).hasToString("epoll");
        assertThat(engines.choose("nio")).hasToString("nio");
    }

    @Test
    void autoSaysWhyNotTheBetterOne() throws Exception {
        assertThat(installed(RefusedUring.class, Epoll.class).choose("auto"))
                .hasToString("epoll (auto; io_uring: is refused by a filter; allow io_uring_setup)");
    }

    @Test
    void autoIsNioWhereThereIsNothingElse() throws Exception {
        assertThat(installed().choose("auto"))
                .hasToString("nio (auto; io_uring and epoll: is not there; add the jar of rocketsockets-native)");
    }

    @Test
    void anEngineAskedForByNameThatDoesNotWorkFailsTheStart() throws Exception {
        Engines engines = installed(RefusedUring.class);

        assertThat(engines.errorIn("io_uring")).isEmpty();
        assertThatThrownBy(() -> engines.choose("io_uring"))
                .isInstanceOf(ServerStartException.class)
                .hasMessage("cannot use engine=io_uring: is refused by a filter; allow io_uring_setup,"
                        + " or call engine(\"auto\")");
    }

    @Test
    void enginesForANewerJavaLeaveTheOthersAlone() throws Exception {
        Engines engines = new Engines(loader(List.of(Uring.class, Epoll.class), Uring.class));
        String reason = "needs a newer Java (rocketsockets-native: 22): this is "
                + Runtime.version().feature() + "; run it on a newer JVM";

        assertThat(engines.choose("epoll")).hasToString("epoll");
        assertThat(engines.choose("auto")).hasToString("epoll (auto; io_uring: " + reason + ")");
        assertThatThrownBy(() -> engines.choose("io_uring"))
                .isInstanceOf(ServerStartException.class)
                .hasMessageContaining(reason);
        assertThat(engines.errorIn("warp"))
                .contains("engine=warp is not one of [auto, epoll, io_uring, nio] (of those found one " + reason
                        + "); remove the call for the default");
    }

    @Test
    void aProviderThatCannotBeMadeLeavesTheOthersAlone() throws Exception {
        Engines engines = installed(Broken.class, Epoll.class);

        assertThat(engines.choose("epoll")).hasToString("epoll");
        assertThat(engines.errorIn("warp").orElseThrow())
                .contains("cannot be loaded")
                .contains("Broken");
    }

    @Test
    void aMissingNativeEngineIsAskedForWithTheJarToAdd() throws Exception {
        assertThat(installed().errorIn("epoll"))
                .contains("engine=epoll is not one of [auto, nio]; add the jar of rocketsockets-native");
    }

    private Engines installed(Class<?>... providers) throws IOException {
        return new Engines(loader(List.of(providers), null));
    }

    /** As a jar of these providers would be seen; the one that is too new has the class file version of a later Java. */
    private ClassLoader loader(List<Class<?>> providers, Class<?> tooNew) throws IOException {
        Path services = Files.createDirectories(jar.resolve("META-INF/services"));
        Files.write(
                services.resolve(EngineFactory.class.getName()),
                providers.stream().map(Class::getName).toList());
        for (Class<?> each :
                Stream.concat(Stream.of(Provider.class), providers.stream()).toList()) {
            Path file = jar.resolve(each.getName().replace('.', '/') + ".class");
            Files.createDirectories(file.getParent());
            byte[] bytes = bytesOf(each);
            if (each == tooNew) {
                bytes[6] = 0x7f; // the high byte of the major version
            }
            Files.write(file, bytes);
        }
        return new OwnFirst(jar);
    }

    private static byte[] bytesOf(Class<?> type) throws IOException {
        String name = type.getName().substring(type.getPackageName().length() + 1) + ".class";
        try (InputStream bytes = Objects.requireNonNull(type.getResourceAsStream(name))) {
            return bytes.readAllBytes();
        }
    }

    /** Loads from the folder what is there, although the tests have the same. */
    private static final class OwnFirst extends URLClassLoader {
        OwnFirst(Path folder) throws IOException {
            super(new URL[] {folder.toUri().toURL()}, EnginesTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded != null) {
                    return loaded;
                }
                return findResource(name.replace('.', '/') + ".class") == null
                        ? super.loadClass(name, resolve)
                        : findClass(name);
            }
        }
    }

    /** What the providers share. */
    public abstract static class Provider implements EngineFactory {
        private final String name;
        private final String reason;

        Provider(String name, String reason) {
            this.name = name;
            this.reason = reason;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Optional<String> unavailable() {
            return Optional.ofNullable(reason);
        }

        @Override
        public Engine open(int readBufferBytes) throws IOException {
            throw new IOException("not an engine that could be opened: " + name);
        }
    }
}
