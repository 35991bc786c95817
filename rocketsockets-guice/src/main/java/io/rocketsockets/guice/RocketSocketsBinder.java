package io.rocketsockets.guice;

import com.google.inject.Binder;
import com.google.inject.Key;
import com.google.inject.Scopes;
import com.google.inject.assistedinject.FactoryModuleBuilder;
import com.google.inject.multibindings.Multibinder;
import io.rocketsockets.SocketServer;
import io.rocketsockets.SocketSession;
import io.rocketsockets.SocketSessionFactory;
import io.rocketsockets.daemon.Daemon;
import java.lang.annotation.Annotation;

/**
 * What a module of the application adds to a server that is configured elsewhere, in prose:
 *
 * <pre>{@code
 * rocketSocketsBinder(binder()).sessions(ChatSession.class).service(ChatService.class);
 * }</pre>
 *
 * Errors point at the line that calls {@code rocketSocketsBinder}.
 */
public final class RocketSocketsBinder {
    private final Binder binder;
    private final Key<SocketServer> server;

    /** For modules of this package, whose binder knows the user's line already. */
    RocketSocketsBinder(Binder binder, Key<SocketServer> server) {
        this.binder = binder;
        this.server = server;
    }

    /** For the server without a qualifier. */
    public static RocketSocketsBinder rocketSocketsBinder(Binder binder) {
        return new RocketSocketsBinder(binder.withSource(CallSite.ofApplication()), ServerBindings.UNQUALIFIED);
    }

    /** For the server of {@link RocketSocketsModule#named}. */
    public static RocketSocketsBinder rocketSocketsBinder(Binder binder, Class<? extends Annotation> qualifier) {
        return new RocketSocketsBinder(
                binder.withSource(CallSite.ofApplication()), Key.get(SocketServer.class, qualifier));
    }

    /**
     * Makes one injected object per connection. Its constructor takes the socket and whatever else the injector has:
     * {@code @Inject ChatSession(@Assisted SocketHandle socket, ChatRoom room)}.
     */
    public RocketSocketsBinder sessions(Class<? extends SocketSession> sessions) {
        binder.install(new FactoryModuleBuilder()
                .implement(SocketSession.class, sessions)
                .build(server.ofType(SocketSessionFactory.class)));
        return this;
    }

    /** Adds a service of the daemon, as a singleton. */
    public RocketSocketsBinder service(Class<? extends Daemon> service) {
        binder.bind(service).in(Scopes.SINGLETON);
        Multibinder.newSetBinder(binder, Daemon.class).addBinding().to(service);
        return this;
    }
}
