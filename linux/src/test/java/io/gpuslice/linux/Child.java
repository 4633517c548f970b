// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Processes that tests start: a shell script, a program, a small C program. Killed on close, with what they started. */
record Child(Process process) implements AutoCloseable {
    private static final long LONGEST_SECONDS = 60;

    /** How a script starts a JVM that runs {@link ExecMain}. */
    static final String EXEC_MAIN = "\"$JAVA\" -Xshare:auto -XX:-UsePerfData -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
            + " --enable-native-access=ALL-UNNAMED -cp \"$CLASS_PATH\"";

    /** {@code output} has one char for each byte. */
    record Result(int exitCode, String output, long pid) {
        String text() {
            return output.strip();
        }
    }

    /** A shell that runs {@code script}, where {@code $1} … are the arguments. */
    static Child start(String script, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", script, "sh"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("JAVA", System.getProperty("java.home") + "/bin/java");
        builder.environment().put("CLASS_PATH", System.getProperty("java.class.path", ""));
        return new Child(builder.start());
    }

    /** Runs {@code script} to its end. */
    static Result run(String script, String... arguments) throws IOException, InterruptedException {
        try (Child child = start(script, arguments)) {
            String output = new String(child.process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            assertThat(child.process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS))
                    .as("ends: %s", script)
                    .isTrue();
            return new Result(child.process.exitValue(), output, child.process.pid());
        }
    }

    /** Compiles {@code source} into {@code directory}. */
    static Path compile(Path directory, String name, String source, String... flags)
            throws IOException, InterruptedException {
        Path program = directory.resolve(name);
        Files.writeString(directory.resolve(name + ".c"), source);
        Result gcc = run("gcc -o \"$1\" \"$1.c\" " + String.join(" ", flags) + " -pthread 2>&1", program.toString());
        assertThat(gcc.exitCode()).as(gcc.text()).isZero();
        return program;
    }

    int pid() {
        return (int) process.pid();
    }

    /** The next line that it prints. */
    String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = process.getInputStream().read();
                c != '\n';
                c = process.getInputStream().read()) {
            assertThat(c).as("end of output after \"%s\"", line).isNotNegative();
            line.append((char) c);
        }
        return line.toString();
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
