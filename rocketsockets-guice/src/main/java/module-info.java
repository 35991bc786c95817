/** Guice wiring for the socket server, and the daemon that hosts it. */
// Guice 7 has no module descriptors: nothing to be done here until it has.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module io.rocketsockets.guice {
    requires transitive io.rocketsockets;
    requires transitive com.google.guice;
    // Sessions are annotated with its @Assisted.
    requires transitive com.google.guice.extensions.assistedinject;
    // Guice is an automatic module and cannot say that it needs Guava.
    requires com.google.common;
    requires info.picocli;
    requires jakarta.inject;
    // The daemon's health by HTTP.
    requires jdk.httpserver;
    // Signals, by reflection.
    requires jdk.unsupported;
    requires org.slf4j;
    // Programs that log otherwise have none.
    requires static ch.qos.logback.classic;
    requires static ch.qos.logback.core;
    requires static org.jspecify;

    exports io.rocketsockets.daemon;
    exports io.rocketsockets.guice;
}
