package io.rocketsockets.example;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What the command line can choose; filled before the server is configured. */
@Command(description = "Echoes what it receives, and logs each connection, each read and each close.")
final class ExampleOptions {
    @Option(names = "--port", paramLabel = "PORT", description = "The port to listen on (default: ${DEFAULT-VALUE}).")
    int port = 8998;

    @Option(
            names = "--bind",
            paramLabel = "ADDRESS",
            description = "The host name or address to listen on, * for all (default: ${DEFAULT-VALUE}).")
    String bind = "*";

    @Option(names = "--loops", paramLabel = "N", description = "The number of event loops (default: ${DEFAULT-VALUE}).")
    int loops = Runtime.getRuntime().availableProcessors();
}
