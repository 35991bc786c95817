package io.rocketsockets.benchmarks;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One server that can be measured.
 *
 * @param name what the command line and the results call it: {@code <program>[:<variant>]}
 * @param mainClass its program, in the package of the servers; empty for the one in C
 */
record Contender(String name, Optional<String> mainClass) {
    static final Contender C_EPOLL = new Contender("c-epoll", Optional.empty());
    static final Contender BARE_NIO = java("java-nio", "BareNioServer");

    /** The standard set, in the order of the report. */
    static final List<Contender> STANDARD = List.of(
            C_EPOLL,
            BARE_NIO,
            java("rocketsockets:nio", "RocketSessionsServer"),
            java("rocketsockets:epoll", "RocketSessionsServer"),
            java("rocketsockets:io_uring", "RocketSessionsServer"),
            java("rocketsockets-callbacks:nio", "RocketCallbacksServer"),
            java("netty:nio", "NettyServer"),
            java("netty:epoll", "NettyServer"),
            java("netty:io_uring", "NettyServer"),
            java("vertx:epoll", "VertxServer"),
            java("activej", "ActiveJServer"));

    private static final Set<String> SPEAK_TLS = Set.of("java-nio", "rocketsockets", "netty");

    private static Contender java(String name, String mainClass) {
        return new Contender(name, Optional.of("io.rocketsockets.benchmarks.servers." + mainClass));
    }

    /** The contender of that name, with any variant: whether there is such a variant is for its program to say. */
    static Contender named(String name) {
        for (Contender contender : STANDARD) {
            if (contender.program().equals(program(name))
                    && contender.variant().size() == variant(name).size()) {
                return new Contender(name, contender.mainClass);
            }
        }
        throw new IllegalArgumentException(
                "no such server: " + name + "; choose of " + names() + " (other variants too)");
    }

    static List<String> names() {
        return STANDARD.stream().map(Contender::name).toList();
    }

    boolean isJava() {
        return mainClass.isPresent();
    }

    /** Whether its program here does; others could. */
    boolean speaksTls() {
        return SPEAK_TLS.contains(program());
    }

    boolean isOurs() {
        return name.startsWith("rocketsockets");
    }

    private String program() {
        return program(name);
    }

    /** What follows the reply on the server's command line: a transport, an engine, or nothing. */
    List<String> variant() {
        return variant(name);
    }

    private static String program(String name) {
        return name.split(":", 2)[0];
    }

    private static List<String> variant(String name) {
        return name.contains(":") ? List.of(name.split(":", 2)[1]) : List.of();
    }
}
