/**
 * The socket server: configure it with {@link io.rocketsockets.RocketServer}, run it as
 * {@link io.rocketsockets.SocketServer}.
 */
module io.rocketsockets {
    requires org.slf4j;
    requires static org.jspecify;
    // Events for the flight recorder, where there is one.
    requires static jdk.jfr;
    // Who the peer of a Unix socket is, where it is known.
    requires static jdk.net;
    // For JmxBeans, where they are asked for.
    requires static java.management;

    uses io.rocketsockets.engine.EngineFactory;

    exports io.rocketsockets;
    exports io.rocketsockets.engine;
    exports io.rocketsockets.proxy;
    exports io.rocketsockets.tls;
}
