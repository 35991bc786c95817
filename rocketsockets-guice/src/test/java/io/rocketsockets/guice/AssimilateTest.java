package io.rocketsockets.guice;

import static io.rocketsockets.guice.Loopback.ANY_PORT;
import static io.rocketsockets.guice.Loopback.answerTo;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.inject.AbstractModule;
import com.google.inject.Binding;
import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.Stage;
import com.google.inject.TypeLiteral;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.spi.Elements;
import com.google.inject.spi.Message;
import io.rocketsockets.OnBytesReceived;
import io.rocketsockets.OnConnectionReceived;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.ServerConfigurator;
import io.rocketsockets.SocketServer;
import io.rocketsockets.daemon.Daemon;
import io.rocketsockets.daemon.DaemonArguments;
import io.rocketsockets.daemon.DaemonConfigurator;
import io.rocketsockets.messages.Golden;
import jakarta.inject.Inject;
import jakarta.inject.Qualifier;
import jakarta.inject.Singleton;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class AssimilateTest {
    @Test
    void bindsWhatTheModuleBinds() {
        assertThat(keysOf(Assimilate.initialize().rocketSockets(ANY_PORT).toModule()))
                .isEqualTo(keysOf(new RocketSocketsModule(ANY_PORT)));
        assertThat(keysOf(Assimilate.initialize()
                        .sessions(ShoutSession.class)
                        .rocketSockets(ANY_PORT)
                        .toModule()))
                .isEqualTo(keysOf(new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class)));
    }

    private static List<String> keysOf(Module module) {
        return Elements.getElements(Stage.TOOL, module).stream()
                .filter(element -> element instanceof Binding<?>)
                .map(element -> ((Binding<?>) element).getKey().toString().replaceAll("uniqueId=\\d+", "uniqueId"))
                .toList();
    }

    /** Whichever is called first, what comes from outside goes before what the program says. */
    @Test
    void theDaemonOverridesTheServerInEitherOrder() {
        Consumer<DaemonConfigurator> daemon = x -> x.args("--set", "acceptRate=7");
        Consumer<ServerConfigurator> server = x -> x.useDefaultEndpoint().acceptRate(5);
        assertThat(acceptRate(Assimilate.initialize().daemon(daemon).rocketSockets(server)))
                .isEqualTo(7);
        assertThat(acceptRate(Assimilate.initialize().rocketSockets(server).daemon(daemon)))
                .isEqualTo(7);
        assertThat(acceptRate(Assimilate.initialize()
                        .daemon(x -> x.args("--set", "acceptRate=9"))
                        .rocketSockets(server)
                        .daemon(daemon)))
                .isEqualTo(7);
        assertThat(acceptRate(Assimilate.initialize().rocketSockets(server))).isEqualTo(5);
    }

    private static int acceptRate(Assimilate program) {
        return program.createInjector()
                .getInstance(ServerConfiguration.class)
                .connectionLimits()
                .acceptRate();
    }

    @Test
    void aFurtherServerHasKeysOfItsOwn() {
        Consumer<DaemonConfigurator> daemon = x -> x.args("--set", "acceptRate=7", "--set", "admin.acceptRate=9");
        Assimilate last = Assimilate.initialize()
                .daemon(daemon)
                .rocketSockets(Admin.class, ANY_PORT)
                .rocketSockets(ANY_PORT);
        Assimilate first = Assimilate.initialize()
                .rocketSockets(ANY_PORT)
                .rocketSockets(Admin.class, ANY_PORT)
                .daemon(daemon);
        for (Assimilate program : List.of(last, first)) {
            assertThat(acceptRate(program)).isEqualTo(7);
            assertThat(program.createInjector()
                            .getInstance(Key.get(ServerConfiguration.class, Admin.class))
                            .connectionLimits()
                            .acceptRate())
                    .isEqualTo(9);
        }
    }

    @Test
    void eachServerJudgesTheKeysThatAreItsOwn() {
        assertThatThrownBy(() -> Assimilate.initialize()
                        .daemon(x -> x.args("--set", "acceptRat=7", "--set", "admin.endpoint.default.prt=9"))
                        .rocketSockets(ANY_PORT)
                        .rocketSockets(Admin.class, ANY_PORT)
                        .createInjector())
                .isInstanceOfSatisfying(
                        CreationException.class,
                        e -> assertThat(e.getErrorMessages())
                                .extracting(Message::getMessage)
                                .containsExactlyInAnyOrder(
                                        "RocketSockets: unknown key: acceptRat (--set) is no option; did you mean acceptRate?",
                                        "RocketSockets: unknown key: admin.endpoint.default.prt (--set) is no option; did you mean"
                                                + " admin.endpoint.default.port?"));
    }

    /** Qualifiers whose names are taken. */
    private interface Taken {
        @Qualifier
        @Retention(RetentionPolicy.RUNTIME)
        @interface Admin {}

        @Qualifier
        @Retention(RetentionPolicy.RUNTIME)
        @interface Endpoint {}
    }

    @Test
    void keysThatOthersHaveAreRefused() {
        Assimilate program = Assimilate.initialize().rocketSockets(Admin.class, ANY_PORT);
        assertThatThrownBy(() -> program.rocketSockets(Taken.Admin.class, ANY_PORT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("$Admin gives keys that begin with admin., as others do; rename it");
        assertThatThrownBy(() -> program.rocketSockets(Taken.Endpoint.class, ANY_PORT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(" keys that begin with endpoint., ");
    }

    @Test
    void needsNoDaemon() {
        Injector injector = Assimilate.initialize()
                .rocketSockets(ANY_PORT)
                .sessions(ShoutSession.class)
                .createInjector();
        try (SocketServer server = injector.getInstance(SocketServer.class)) {
            server.start();
            assertThat(answerTo("hello", server)).isEqualTo("HELLO");
        }
    }

    @Test
    void startsNothing() {
        Injector injector = Assimilate.initialize()
                .daemon(x -> x.service(EchoService.class))
                .rocketSockets(ANY_PORT)
                .createInjector();
        assertThat(injector.getInstance(SocketServer.class).isRunning()).isFalse();
    }

    @Test
    void servicesAreSingletonsUnderTheStrictSwitches() {
        Injector injector = Guice.createInjector(
                new Strict(),
                Assimilate.initialize()
                        .daemon(x -> x.args("--", "a", "b")
                                .service(EchoService.class)
                                .service(ArgumentsService.class))
                        .rocketSockets(ANY_PORT)
                        .toModule());
        EchoService service = injector.getInstance(EchoService.class);
        ArgumentsService other = injector.getInstance(ArgumentsService.class);
        assertThat(injector.getInstance(Key.get(new TypeLiteral<Set<Daemon>>() {})))
                .containsExactly(service, other);
        assertThat(other.arguments.values()).containsExactly("a", "b");
    }

    @Test
    void buildersShareNothing() {
        Assimilate.initialize().rocketSockets(ANY_PORT);
        assertThatThrownBy(() -> Assimilate.initialize().toModule()).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void saysWhatIsMissing() {
        assertThatThrownBy(() -> Assimilate.initialize().createInjector())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no server configured; call rocketSockets(x -> x.useDefaultEndpoint()) first");
        assertThatThrownBy(() -> Assimilate.initialize().rocketSockets(ANY_PORT).runDaemon())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no daemon configured; call daemon(x -> x.args(args).name(..)) first");
        assertThatThrownBy(
                        () -> Assimilate.initialize().daemon(x -> x.name("x")).runDaemon())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no server configured; call rocketSockets(x -> x.useDefaultEndpoint()) first");
    }

    @Test
    void errorsOfTheConfigurationShowTheUsersLine() {
        Assimilate builder = Assimilate.initialize();
        int line = new Throwable().getStackTrace()[0].getLineNumber() + 1;
        builder.rocketSockets(x -> x.useDefaultEndpoint().eventLoops(0));
        assertThatThrownBy(builder::createInjector)
                .isInstanceOf(CreationException.class)
                .hasMessageContaining("RocketSockets: eventLoops=0 < 1")
                .hasMessageContaining("(AssimilateTest.java:" + line + ")");
    }

    @Test
    void aServiceThatIsNoSingletonIsRefused() {
        Assimilate builder = Assimilate.initialize().rocketSockets(ANY_PORT).dependencies(new UnscopedModule());
        assertThatThrownBy(builder::createInjector)
                .isInstanceOf(CreationException.class)
                .satisfies(e -> Golden.assertGuiceMessage(e.getMessage(), "service-no-singleton"));
    }

    @Test
    void aServiceMayBeAnnotatedAsSingletonOrBeAnInstance() {
        Injector injector = Assimilate.initialize()
                .rocketSockets(ANY_PORT)
                .dependencies(binder -> {
                    Multibinder<Daemon> services = Multibinder.newSetBinder(binder, Daemon.class);
                    services.addBinding().to(AnnotatedService.class);
                    services.addBinding().toInstance(new AnnotatedService());
                })
                .createInjector();
        assertThat(injector.getInstance(Key.get(new TypeLiteral<Set<Daemon>>() {})))
                .hasSize(2);
    }

    @Test
    void runDaemonServesUntilItsThreadIsInterrupted() throws Exception {
        AtomicReference<SocketServer> server = new AtomicReference<>();
        Thread owner = new Thread(() -> Assimilate.initialize()
                .daemon(x -> x.name("echo").service(EchoService.class))
                .rocketSockets(ANY_PORT)
                .dependencies(binder -> {
                    binder.bind(OnConnectionReceived.class).to(EchoService.class);
                    binder.bind(OnBytesReceived.class).to(EchoService.class);
                    binder.requestInjection(new Object() {
                        @Inject
                        void keep(SocketServer injected) {
                            server.set(injected);
                        }
                    });
                })
                .runDaemon());
        owner.start();
        await().until(() -> server.get() != null && server.get().isRunning());
        assertThat(answerTo("hello", server.get())).isEqualTo("hello");
        owner.interrupt();
        owner.join();
        assertThat(server.get().isRunning()).isFalse();
    }

    static final class UnscopedModule extends AbstractModule {
        @Override
        protected void configure() {
            Multibinder.newSetBinder(binder(), Daemon.class).addBinding().to(EchoService.class);
        }
    }

    @Singleton
    static final class AnnotatedService implements Daemon {
        @Inject
        AnnotatedService() {}

        @Override
        public void start() {}

        @Override
        public void stop() {}
    }

    static final class ArgumentsService implements Daemon {
        private final DaemonArguments arguments;

        @Inject
        ArgumentsService(DaemonArguments arguments) {
            this.arguments = arguments;
        }

        @Override
        public void start() {}

        @Override
        public void stop() {}
    }
}
