// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/** The daemon and the command line as they are, speaking another version of the protocol. */
final class OtherBuild {
    private OtherBuild() {}

    /**
     * Makes it.
     *
     * @param dir does not exist yet
     */
    static Tree speaking(int major, int minor, Tree tree, Path dir) throws IOException {
        Path product = dir.resolve("build/gpuslice");
        Path wire = wire(major, minor, tree, dir);
        for (String side : List.of("cli", "daemon")) {
            Path jars = Files.createDirectories(product.resolve("lib").resolve(side));
            for (Path jar : list(tree.product().resolve("lib").resolve(side))) {
                String name = jar.getFileName().toString();
                // Start-up caches are of the jars that they were made with.
                if (!name.endsWith(".aot")) {
                    Files.createSymbolicLink(jars.resolve(name), name.startsWith("wire-") ? wire : jar);
                }
            }
        }
        Path bin = Files.createDirectories(product.resolve("bin"));
        for (Path program : list(tree.product().resolve("bin"))) {
            Files.copy(program, bin.resolve(program.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
        }
        for (String file : List.of("java-home", "libgpuslice.so")) {
            Files.copy(
                    tree.product().resolve("lib").resolve(file),
                    product.resolve("lib").resolve(file));
        }
        return new Tree(dir);
    }

    /** The module that knows the version, compiled with another one. */
    private static Path wire(int major, int minor, Tree tree, Path dir) throws IOException {
        Path sources = dir.resolve("wire/src"),
                classes = dir.resolve("wire/classes"),
                jar = dir.resolve("wire/wire.jar");
        List<String> files = new ArrayList<>();
        Path from = tree.root().resolve("wire/src/main/java");
        try (Stream<Path> walk = Files.walk(from)) {
            for (Path file :
                    walk.filter(path -> path.toString().endsWith(".java")).toList()) {
                String text = Files.readString(file);
                if (file.endsWith("Abi.java")) {
                    String other = text.replaceFirst("ABI_MAJOR = \\d+;", "ABI_MAJOR = " + major + ";")
                            .replaceFirst("ABI_MINOR = \\d+;", "ABI_MINOR = " + minor + ";");
                    assertThat(other).isNotEqualTo(text);
                    text = other;
                }
                Path copy = sources.resolve(from.relativize(file));
                Files.createDirectories(copy.getParent());
                files.add(Files.writeString(copy, text).toString());
            }
        }
        List<String> compile = new ArrayList<>(List.of(
                "-nowarn", "-proc:none", "-cp", System.getProperty("java.class.path"), "-d", classes.toString()));
        compile.addAll(files);
        run("javac", compile);
        run("jar", List.of("--create", "--file", jar.toString(), "-C", classes.toString(), "."));
        return jar;
    }

    private static void run(String tool, List<String> arguments) {
        assertThat(ToolProvider.findFirst(tool)
                        .orElseThrow()
                        .run(System.out, System.err, arguments.toArray(String[]::new)))
                .as(tool)
                .isZero();
    }

    private static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }
}
