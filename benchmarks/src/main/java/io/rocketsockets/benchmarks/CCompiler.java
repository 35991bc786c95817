package io.rocketsockets.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Turns the server in C, whose source is a resource of this program, into a binary where a compiler is found. */
final class CCompiler {
    private CCompiler() {}

    /** The binary; empty where there is no compiler. */
    static Optional<Path> compile(String name, Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve(name + ".c");
        Path binary = folder.resolve(name);
        try (var text = CCompiler.class.getResourceAsStream("/" + name + ".c")) {
            Files.write(source, text.readAllBytes());
        }
        if (new ProcessBuilder("sh", "-c", "command -v cc").start().waitFor() != 0) {
            return Optional.empty();
        }
        var compiler = new ProcessBuilder("cc", "-O2", "-o", binary.toString(), source.toString());
        if (compiler.inheritIO().start().waitFor() != 0) {
            throw new IOException("cc cannot compile " + source);
        }
        return Optional.of(binary);
    }
}
