package io.rocketsockets.nio;

import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.ListenOptions.KeepAlive;
import java.io.IOException;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What every accepted socket is set to before its first byte is read. */
final class AcceptedOptions {
    /** For Unix sockets: they are all of TCP. */
    static final AcceptedOptions NONE = new AcceptedOptions();

    private final Map<SocketOption<?>, Object> values = new LinkedHashMap<>();

    private AcceptedOptions() {}

    /** @throws UnsupportedOperationException when this JDK cannot set one of them */
    AcceptedOptions(ListenOptions options) throws IOException {
        if (!options.userTimeout().isZero()) {
            throw new UnsupportedOperationException("userTimeout=" + options.userTimeout()
                    + " cannot be set with engine=nio, since the JDK does not know TCP_USER_TIMEOUT; use a native engine"
                    + " (epoll, io_uring), or keepAlive and timeouts.write");
        }
        values.put(StandardSocketOptions.TCP_NODELAY, true);
        KeepAlive keepAlive = options.keepAlive();
        if (keepAlive != null) {
            values.put(StandardSocketOptions.SO_KEEPALIVE, true);
            try (SocketChannel any = SocketChannel.open()) {
                Set<SocketOption<?>> supported = any.supportedOptions();
                values.put(
                        named("TCP_KEEPIDLE", supported), (int) keepAlive.idle().toSeconds());
                values.put(named("TCP_KEEPINTERVAL", supported), (int)
                        keepAlive.interval().toSeconds());
                values.put(named("TCP_KEEPCOUNT", supported), keepAlive.probes());
            }
        }
    }

    /** By name, since the JDK keeps these in a module that need not be there. */
    private static SocketOption<?> named(String name, Set<SocketOption<?>> supported) {
        for (SocketOption<?> option : supported) {
            if (option.name().equals(name)) {
                return option;
            }
        }
        throw new UnsupportedOperationException(
                "keepAlive: this JDK cannot set " + name + "; add the module jdk.net or remove keepAlive");
    }

    void apply(SocketChannel accepted) throws IOException {
        for (Map.Entry<SocketOption<?>, Object> value : values.entrySet()) {
            set(accepted, value.getKey(), value.getValue());
        }
    }

    private static <T> void set(SocketChannel channel, SocketOption<T> option, @Nullable Object value)
            throws IOException {
        channel.setOption(option, option.type().cast(value));
    }
}
