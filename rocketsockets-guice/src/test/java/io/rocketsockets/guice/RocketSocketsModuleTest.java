package io.rocketsockets.guice;

import static io.rocketsockets.guice.Loopback.ANY_PORT;
import static io.rocketsockets.guice.Loopback.answerTo;
import static io.rocketsockets.guice.RocketSocketsBinder.rocketSocketsBinder;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.inject.AbstractModule;
import com.google.inject.Binding;
import com.google.inject.CreationException;
import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Key;
import com.google.inject.Module;
import com.google.inject.PrivateModule;
import com.google.inject.Scopes;
import com.google.inject.Stage;
import com.google.inject.TypeLiteral;
import com.google.inject.multibindings.Multibinder;
import com.google.inject.name.Names;
import com.google.inject.spi.Elements;
import com.google.inject.util.Modules;
import io.rocketsockets.OnBytesReceived;
import io.rocketsockets.OnConnectionReceived;
import io.rocketsockets.RocketServer;
import io.rocketsockets.ServerConfiguration;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSessionFactory;
import io.rocketsockets.daemon.Daemon;
import io.rocketsockets.messages.Golden;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RocketSocketsModuleTest {
    private static final Key<Set<Daemon>> DAEMONS = Key.get(new TypeLiteral<>() {});

    private static Module module() {
        return new RocketSocketsModule(ANY_PORT);
    }

    @Test
    void theLambdaRunsOnceAtOnce() {
        AtomicInteger runs = new AtomicInteger();
        Module module = new RocketSocketsModule(x -> {
            runs.incrementAndGet();
            x.useDefaultEndpoint();
        });
        assertThat(runs).hasValue(1);
        Guice.createInjector(module);
        Guice.createInjector(module);
        assertThat(runs).hasValue(1);
    }

    @Test
    void bindsExactlyWhatItsTableLists() {
        assertThat(keysOf(new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class)))
                .containsExactlyInAnyOrder(
                        Key.get(SocketServer.class),
                        Key.get(ServerConfiguration.class),
                        Key.get(SocketServerFactory.class),
                        Key.get(SocketSessionFactory.class),
                        DAEMONS,
                        Key.get(new TypeLiteral<Map<String, SocketServer>>() {}));
    }

    /** Without what multibinder, map binder and optional binder bind for themselves. */
    private static Set<Key<?>> keysOf(Module module) {
        Set<Class<?>> byproducts = Set.of(Optional.class, com.google.common.base.Optional.class, Collection.class);
        return Elements.getElements(Stage.TOOL, module).stream()
                .filter(element -> element instanceof Binding<?>)
                .map(element -> ((Binding<?>) element).getKey())
                .filter(key -> key.getAnnotationType() == null)
                .filter(key -> !byproducts.contains(key.getTypeLiteral().getRawType()))
                .filter(key -> !key.getTypeLiteral().toString().matches(".*(Entry|Provider|\\? extends).*"))
                .collect(Collectors.toSet());
    }

    @Test
    void creatingAnInjectorStartsNothing() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Set<Thread> before = Thread.getAllStackTraces().keySet();
            Injector injector = Guice.createInjector(
                    Stage.PRODUCTION,
                    new RocketSocketsModule(x ->
                            x.addEndpoint("default", e -> e.bindTo("127.0.0.1").port(taken.getLocalPort()))));
            assertThat(injector.getInstance(SocketServer.class).isRunning()).isFalse();
            assertThat(Thread.getAllStackTraces().keySet()).isSubsetOf(before);
        }
    }

    @Test
    void oneInjectorHasOneServer() {
        Injector injector = Guice.createInjector(module());
        SocketServer server = injector.getInstance(SocketServer.class);
        assertThat(injector.getInstance(SocketServer.class)).isSameAs(server);
        assertThat(Guice.createInjector(module()).getInstance(SocketServer.class))
                .isNotSameAs(server);
    }

    @ParameterizedTest
    @EnumSource
    void passesTheStrictSwitchesInEveryStage(Stage stage) {
        Guice.createInjector(
                stage,
                new Strict(),
                new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class),
                binder -> binder.bind(ShoutSession.Room.class));
    }

    @Test
    void anEqualModuleTwiceIsOne() {
        Injector injector = Guice.createInjector(
                new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class),
                new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class),
                RocketSocketsModule.named(Admin.class, ANY_PORT),
                RocketSocketsModule.named(Admin.class, ANY_PORT));
        assertThat(injector.getInstance(Key.get(new TypeLiteral<Map<String, SocketServer>>() {})))
                .hasSize(2);
    }

    @Test
    void twoDifferentModulesAreOneErrorWithBothLines() {
        Module one = new RocketSocketsModule(x -> x.useDefaultEndpoint());
        Module other = new RocketSocketsModule(ANY_PORT);
        assertThatThrownBy(() -> Guice.createInjector(one, other))
                .isInstanceOf(CreationException.class)
                .satisfies(e -> Golden.assertGuiceMessage(e.getMessage(), "two-servers"));
    }

    @Test
    void theConfigurationCanBeOverridden() {
        ServerConfiguration other = ServerConfiguration.of(ANY_PORT);
        Injector injector = Guice.createInjector(Modules.override(new RocketSocketsModule(x -> x.useDefaultEndpoint()))
                .with(binder -> binder.bind(ServerConfiguration.class).toInstance(other)));
        try (SocketServer server = injector.getInstance(SocketServer.class)) {
            server.start(socket -> null, (id, bytes) -> {});
            assertThat(Loopback.portOf(server)).isNotEqualTo(8998);
        }
    }

    @Test
    void aPrivateModuleCanExposeTheServerAlone() {
        Injector injector = Guice.createInjector(new Strict(), new PrivateModule() {
            @Override
            protected void configure() {
                install(new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class));
                bind(ShoutSession.Room.class);
                expose(SocketServer.class);
            }
        });
        try (SocketServer server = injector.getInstance(SocketServer.class)) {
            server.start();
            assertThat(answerTo("hello", server)).isEqualTo("HELLO");
        }
        assertThat(injector.getExistingBinding(Key.get(ServerConfiguration.class)))
                .isNull();
    }

    @Test
    void aChildInjectorCanHaveTheServer() {
        Injector parent = Guice.createInjector();
        SocketServer server = parent.createChildInjector(module()).getInstance(SocketServer.class);
        assertThat(parent.createChildInjector(module()).getInstance(SocketServer.class))
                .isNotSameAs(server);
    }

    @Test
    void aChildInjectorSeesTheServerOfItsParent() {
        Injector parent = Guice.createInjector(module());
        assertThat(parent.createChildInjector().getInstance(SocketServer.class))
                .isSameAs(parent.getInstance(SocketServer.class));
    }

    @Test
    void whoBindsAServerOfTheirOwnUnderNamedMeetsNoneOfOurs() {
        Injector injector = Guice.createInjector(
                module(),
                RocketSocketsModule.named(Admin.class, ANY_PORT),
                binder -> binder.bind(SocketServer.class)
                        .annotatedWith(Names.named("Admin"))
                        .toInstance(RocketServer.create(ANY_PORT)));
        assertThat(injector.getInstance(Key.get(SocketServer.class, Names.named("Admin"))))
                .isNotSameAs(injector.getInstance(Key.get(SocketServer.class, Admin.class)));
    }

    @Test
    void servicesOfAllModulesComeInBindOrder() {
        Injector injector = Guice.createInjector(
                module(),
                binder -> rocketSocketsBinder(binder).service(FirstService.class),
                binder -> Multibinder.newSetBinder(binder, Daemon.class)
                        .addBinding()
                        .to(SecondService.class)
                        .in(Scopes.SINGLETON),
                binder -> rocketSocketsBinder(binder).service(ThirdService.class));
        assertThat(injector.getInstance(DAEMONS))
                .extracting(Object::getClass)
                .containsExactly(FirstService.class, SecondService.class, ThirdService.class);
    }

    @Test
    void everyErrorOfAConfigurationPointsAtTheLineOfItsModule() {
        Module module = new RocketSocketsModule(
                x -> x.eventLoops(0).addEndpoint("default", e -> e.port(70_000)).readBufferSize(1));
        assertThatThrownBy(() -> Guice.createInjector(module, binder -> binder.bind(EchoService.class)))
                .isInstanceOf(CreationException.class)
                .satisfies(e -> Golden.assertGuiceMessage(e.getMessage(), "bad-configuration"));
    }

    @Test
    void aSessionThatCannotBeMadePointsAtTheLineThatAskedForIt() {
        assertThatThrownBy(() -> Guice.createInjector(new Strict(), module(), new RoomlessModule()))
                .isInstanceOf(CreationException.class)
                .satisfies(e -> Golden.assertGuiceMessage(e.getMessage(), "session-cannot-be-made"));
    }

    @Nested
    class StartWithoutArguments {
        @Test
        void makesOneInjectedSessionPerConnection() {
            Injector injector = Guice.createInjector(new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class));
            try (SocketServer server = injector.getInstance(SocketServer.class)) {
                server.start();
                assertThat(answerTo("one", server)).isEqualTo("ONE");
                assertThat(answerTo("two", server)).isEqualTo("TWO");
            }
            assertThat(injector.getInstance(ShoutSession.Room.class).sessions()).hasSize(2);
        }

        @Test
        void usesTheCallbacksOfTheInjectorWhichMayNeedTheServer() throws Exception {
            Injector injector = Guice.createInjector(Stage.PRODUCTION, new Strict(), module(), binder -> {
                rocketSocketsBinder(binder).service(EchoService.class);
                binder.bind(OnConnectionReceived.class).to(EchoService.class);
                binder.bind(OnBytesReceived.class).to(EchoService.class);
            });
            EchoService service = injector.getInstance(EchoService.class);
            service.start();
            try {
                assertThat(answerTo("echo", injector.getInstance(SocketServer.class)))
                        .isEqualTo("echo");
            } finally {
                service.stop();
            }
        }

        @Test
        void makesCallbacksThatAreNoSingletonsOncePerServer() {
            AtomicInteger made = new AtomicInteger();
            OnConnectionReceived reading = socket -> {
                socket.startReading();
                socket.write(StandardCharsets.UTF_8.encode("hi"));
                return null;
            };
            Injector injector = Guice.createInjector(module(), binder -> {
                binder.bind(OnConnectionReceived.class).toProvider(() -> {
                    made.incrementAndGet();
                    return reading;
                });
                binder.bind(OnBytesReceived.class).toInstance((id, bytes) -> {});
            });
            try (SocketServer server = injector.getInstance(SocketServer.class)) {
                server.start();
                assertThat(made).hasValue(0);
                assertThat(answerTo("..", server)).isEqualTo("hi");
                assertThat(answerTo("..", server)).isEqualTo("hi");
            }
            assertThat(made).hasValue(1);
        }

        @Test
        void saysWhatToBindWhenThereIsNothing() {
            SocketServer server = Guice.createInjector(module()).getInstance(SocketServer.class);
            assertThatThrownBy(server::start)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("SocketSessionFactory")
                    .hasMessageContaining("OnConnectionReceived")
                    .hasMessageContaining("OnBytesReceived");
        }
    }

    @Nested
    class NamedServers {
        private final Injector injector = Guice.createInjector(
                new Strict(),
                module(),
                RocketSocketsModule.named(Admin.class, ANY_PORT).sessions(ShoutSession.class),
                binder -> binder.bind(ShoutSession.Room.class));

        @Test
        void areBoundUnderTheirQualifier() {
            SocketServer admin = injector.getInstance(Key.get(SocketServer.class, Admin.class));
            assertThat(admin).isNotSameAs(injector.getInstance(SocketServer.class));
            assertThat(injector.getInstance(Key.get(ServerConfiguration.class, Admin.class)))
                    .isEqualTo(ServerConfiguration.of(ANY_PORT));
        }

        @Test
        void areAllInAMap() {
            assertThat(injector.getInstance(Key.get(new TypeLiteral<Map<String, SocketServer>>() {})))
                    .containsEntry("default", injector.getInstance(SocketServer.class))
                    .containsEntry(
                            Admin.class.getName(), injector.getInstance(Key.get(SocketServer.class, Admin.class)))
                    .hasSize(2);
        }

        @Test
        void haveSessionsOfTheirOwn() {
            try (SocketServer admin = injector.getInstance(Key.get(SocketServer.class, Admin.class))) {
                admin.start();
                assertThat(answerTo("admin", admin)).isEqualTo("ADMIN");
            }
            assertThatThrownBy(injector.getInstance(SocketServer.class)::start)
                    .isInstanceOf(IllegalStateException.class);
        }

        @Test
        void needNoServerWithoutAQualifier() {
            Injector named = Guice.createInjector(RocketSocketsModule.named(Admin.class, ANY_PORT));
            assertThat(named.getExistingBinding(Key.get(SocketServer.class))).isNull();
        }

        @Test
        void areNamedByBindingAnnotationsOnly() {
            assertThatThrownBy(() -> RocketSocketsModule.named(FunctionalInterface.class, ANY_PORT))
                    .hasMessageContaining("java.lang.FunctionalInterface is not a binding annotation");
        }
    }

    @Nested
    class TheFactory {
        @Test
        void makesServersThatStartAsTheBoundOneDoes() {
            Injector injector = Guice.createInjector(new RocketSocketsModule(ANY_PORT).sessions(ShoutSession.class));
            SocketServerFactory servers = injector.getInstance(SocketServerFactory.class);
            try (SocketServer one = servers.create(ServerConfiguration.of(ANY_PORT));
                    SocketServer other = servers.create(ServerConfiguration.of(ANY_PORT))) {
                one.start();
                other.start();
                assertThat(answerTo("one", one)).isEqualTo("ONE");
                assertThat(answerTo("other", other)).isEqualTo("OTHER");
            }
        }
    }

    static final class RoomlessModule extends AbstractModule {
        @Override
        protected void configure() {
            rocketSocketsBinder(binder()).sessions(ShoutSession.class);
        }
    }

    abstract static class Idle implements Daemon {
        @Override
        public void start() {}

        @Override
        public void stop() {}
    }

    static final class FirstService extends Idle {}

    static final class SecondService extends Idle {}

    static final class ThirdService extends Idle {}
}
