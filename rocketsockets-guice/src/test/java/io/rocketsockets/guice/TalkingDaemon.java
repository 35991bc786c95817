package io.rocketsockets.guice;

import static io.rocketsockets.guice.RocketSocketsBinder.rocketSocketsBinder;

import com.google.common.util.concurrent.Uninterruptibles;
import io.rocketsockets.SocketServer;
import io.rocketsockets.daemon.Daemon;
import jakarta.inject.Inject;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Option;

/** The program of {@link DaemonProcessTest}: its services say what happens to them, and some misbehave. */
final class TalkingDaemon {
    public static class Options {
        @Option(names = "--port")
        public int port;

        /** Further ones, on free ports. */
        @Option(names = "--endpoint", hidden = true)
        public List<String> endpoints = List.of();

        /** A server under the qualifier {@link Admin} too. */
        @Option(names = "--admin", hidden = true)
        public boolean admin;

        @Option(names = "--service")
        public List<Class<? extends Daemon>> services = List.of();
    }

    private TalkingDaemon() {}

    public static void main(String[] args) {
        Options options = new Options();
        Assimilate program = Assimilate.initialize()
                .daemon(x -> x.name("talking")
                        .args(args)
                        .options(options)
                        .startTimeout(Duration.parse(System.getProperty("startTimeout", "PT1M")))
                        .stopTimeout(Duration.parse(System.getProperty("stopTimeout", "PT1M"))))
                .rocketSockets(x -> {
                    x.eventLoops(1)
                            .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(options.port));
                    options.endpoints.forEach(name ->
                            x.addEndpoint(name, e -> e.bindTo("127.0.0.1").port(0)));
                })
                .dependencies(binder -> options.services.forEach(rocketSocketsBinder(binder)::service));
        if (options.admin) {
            program.rocketSockets(
                    Admin.class,
                    x -> x.eventLoops(1)
                            .addEndpoint("default", e -> e.bindTo("127.0.0.1").port(0)));
        }
        program.runDaemon();
    }

    abstract static class Talking implements Daemon {
        @Override
        public void start() throws Exception {
            say("start");
        }

        @Override
        public void stop() throws Exception {
            say("stop");
        }

        private void say(String verb) {
            System.out.println(verb + " " + getClass().getSimpleName());
        }
    }

    static final class First extends Talking {}

    static final class Last extends Talking {}

    static final class Serving extends Talking {
        private final SocketServer server;

        @Inject
        Serving(SocketServer server) {
            this.server = server;
        }

        @Override
        public void start() throws Exception {
            super.start();
            server.start(socket -> null, (id, bytes) -> {});
        }

        @Override
        public void stop() throws Exception {
            server.stop();
            super.stop();
        }
    }

    static final class Administering extends Talking {
        private final SocketServer server;

        @Inject
        Administering(@Admin SocketServer server) {
            this.server = server;
        }

        @Override
        public void start() throws Exception {
            super.start();
            server.start(socket -> null, (id, bytes) -> {});
        }

        @Override
        public void stop() throws Exception {
            server.stop();
            super.stop();
        }
    }

    /** Echoes, tells in the end how much, and never returns from what begins with {@link #STUCK}. */
    static final class Echoing extends Talking {
        static final char STUCK = '!';

        private final SocketServer server;

        /** Of the only loop, until that has stopped. */
        private long echoed;

        @Inject
        Echoing(SocketServer server) {
            this.server = server;
        }

        @Override
        public void start() throws Exception {
            super.start();
            server.start(socket -> {
                socket.startReading();
                return bytes -> {
                    if (bytes.get(bytes.position()) == STUCK) {
                        Uninterruptibles.awaitUninterruptibly(new CountDownLatch(1));
                    }
                    echoed += bytes.remaining();
                    socket.write(bytes);
                };
            });
        }

        @Override
        public void stop() throws Exception {
            server.stop();
            System.out.println("echoed " + echoed);
            super.stop();
        }
    }

    static final class CannotStart extends Talking {
        @Override
        public void start() throws IOException {
            throw new IOException("disk full");
        }
    }

    static final class CannotLoad extends Talking {
        @Override
        public void start() {
            throw new NoClassDefFoundError("a jar that is not there");
        }
    }

    static final class CannotBeMade extends Talking {
        @Inject
        CannotBeMade() {
            throw new IllegalStateException("no licence");
        }
    }

    static final class NeedsWhatNobodyBinds extends Talking {
        @Inject
        NeedsWhatNobodyBinds(Runnable unbound) {
            unbound.run();
        }
    }

    static final class HangsAtStart extends Talking {
        @Override
        public void start() throws Exception {
            super.start();
            new CountDownLatch(1).await();
        }
    }

    static final class HangsAtStop extends Talking {
        @Override
        public void stop() throws Exception {
            super.stop();
            new CountDownLatch(1).await();
        }
    }

    static final class Exits extends Talking {
        @Override
        public void start() throws Exception {
            super.start();
            new Thread(() -> System.exit(3)).start();
        }
    }
}
