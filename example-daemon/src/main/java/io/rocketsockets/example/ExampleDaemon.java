package io.rocketsockets.example;

import io.rocketsockets.guice.Assimilate;

/** The program: {@code java -jar example-daemon.jar}, then {@code nc localhost 8998}. */
public final class ExampleDaemon {
    private ExampleDaemon() {}

    public static void main(String[] args) {
        // Guice 7 generates classes through sun.misc.Unsafe, which JDK 24 and later warn of; reflection serves as well.
        System.setProperty("guice_bytecode_gen_option", "DISABLED");

        ExampleOptions options = new ExampleOptions();
        Assimilate.initialize()
                .daemon(x -> x.args(args).name("example").options(options).service(ExampleService.class))
                .rocketSockets(x -> x.eventLoops(options.loops)
                        .addEndpoint("default", e -> e.bindTo(options.bind).port(options.port)))
                .runDaemon();
    }
}
