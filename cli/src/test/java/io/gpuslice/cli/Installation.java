// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/** An installed tree, as the build makes one, with a library of somebody else's in the place of ours. */
final class Installation {
    final Path home;

    /** Of this test's daemon, unless a test says otherwise. */
    final Map<String, String> environment = new LinkedHashMap<>();

    private Installation(Path home) {
        this.home = home;
    }

    /**
     * What a child said and how it ended.
     *
     * @param status as a shell would say it: 128+n for signals
     * @param bytes of stdout, each as one character
     */
    record Result(int status, String bytes, String err) {
        String text() {
            return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
        }
    }

    static Installation at(Path home) throws IOException, InterruptedException {
        Files.createDirectories(home.resolve("lib/cli"));
        Files.createDirectories(home.resolve("bin"));
        for (String entry : classPath()) {
            Path source = Path.of(entry);
            Path jar = home.resolve("lib/cli/" + Integer.toHexString(entry.hashCode()) + ".jar");
            if (Files.isDirectory(source)) {
                pack(source, jar);
            } else {
                Files.copy(source, jar);
            }
        }
        Files.writeString(home.resolve("lib/java-home"), System.getProperty("java.home") + "\n");
        Files.copy(aLibrary(), home.resolve("lib/libgpuslice.so"));
        // make takes no blanks in the name of a target.
        Path built = Files.createTempDirectory("launcher");
        Result make = capture(new ProcessBuilder("make", "-C", "launcher", "OUT=" + built), "");
        assertThat(make.status()).as(make.err()).isZero();
        Files.move(built.resolve("gpuslice"), home.resolve("bin/gpuslice"));
        Files.delete(built);
        return new Installation(home);
    }

    Path launcher() {
        return home.resolve("bin/gpuslice");
    }

    Result gpuslice(String... arguments) throws IOException, InterruptedException {
        return gpuslice("", arguments);
    }

    /** With that on its stdin. */
    Result gpuslice(String stdin, String[] arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(launcher().toString()));
        command.addAll(Arrays.asList(arguments));
        return capture(builder(command), stdin);
    }

    /** A command of the shell's, in this installation's environment; {@code $G} is the launcher. */
    Result shell(String script) throws IOException, InterruptedException {
        return capture(builder(List.of("/bin/sh", "-c", script)), "");
    }

    ProcessBuilder builder(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/bin:/bin");
        builder.environment().put("HOME", home.toString());
        builder.environment().put("G", launcher().toString());
        builder.environment().putAll(environment);
        return builder;
    }

    static Result capture(ProcessBuilder builder, String stdin) throws IOException, InterruptedException {
        Path err = Files.createTempFile("stderr", "");
        Process process = builder.redirectError(err.toFile()).start();
        try (OutputStream in = process.getOutputStream()) {
            in.write(stdin.getBytes(StandardCharsets.UTF_8));
        }
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ended").isTrue();
        String said = Files.readString(err);
        Files.delete(err);
        return new Result(process.exitValue(), out, said);
    }

    /** Without what only tests need. */
    static List<String> classPath() {
        String path = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return Arrays.stream(path.split(File.pathSeparator))
                .filter(entry -> !entry.isEmpty() && !entry.contains("test-classes") && Files.exists(Path.of(entry)))
                .filter(entry -> !entry.matches(
                        ".*/(junit|assertj|awaitility|hamcrest|byte-buddy|opentest4j|apiguardian|surefire)[^/]*"))
                .toList();
    }

    static Path aLibrary() throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> line.endsWith("/libm.so.6"))
                    .map(line -> Path.of(line.substring(line.indexOf('/'))))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static void pack(Path directory, Path jar) throws IOException {
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
                Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                out.putNextEntry(new JarEntry(directory.relativize(file).toString()));
                Files.copy(file, out);
            }
        }
    }
}
