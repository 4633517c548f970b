// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A running program whose lines can be awaited. Its standard error goes to a file, shown when something fails. */
final class Guest implements AutoCloseable {
    /** Far above anything expected on a loaded two-core machine; only a hang reaches it. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final String END = "\0end of output";

    private final Process process;
    private final Path stderr;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final List<String> seen = new ArrayList<>();
    private boolean ended;

    private Guest(Process process, Path stderr) {
        this.process = process;
        this.stderr = stderr;
        // A platform thread: reading a pipe would keep a virtual one on its carrier, and there are as few as cores.
        Thread.ofPlatform().daemon().start(this::pump);
    }

    static Guest start(List<String> command, Map<String, String> environment, Path workDir) {
        try {
            Path stderr = Files.createTempFile(workDir, "guest", ".err");
            ProcessBuilder builder =
                    new ProcessBuilder(command).directory(workDir.toFile()).redirectError(stderr.toFile());
            builder.environment().clear();
            builder.environment().putAll(environment);
            return new Guest(builder.start(), stderr);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void pump() {
        try (var reader = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
            }
        } catch (IOException e) {
            lines.add("(unreadable: " + e.getMessage() + ")");
        }
        lines.add(END);
    }

    long pid() {
        return process.pid();
    }

    boolean alive() {
        return process.isAlive();
    }

    /** The next line that starts with {@code prefix}; those before it are remembered. */
    String await(String prefix) {
        for (String line = next(); line != null; line = next()) {
            if (line.startsWith(prefix)) {
                return line;
            }
        }
        return fail("no line starting with '%s' %s\n%s", prefix, ended ? "before the end" : "in time", report());
    }

    /** The lines from the next one to the first that starts with {@code prefix}. */
    List<String> awaitAll(String prefix) {
        int from = seen.size();
        await(prefix);
        return List.copyOf(seen.subList(from, seen.size()));
    }

    /** The next line; null when there are no more, or none comes in time. */
    private @Nullable String next() {
        if (ended) {
            return null;
        }
        try {
            String line = lines.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            ended = END.equals(line);
            if (line == null || ended) {
                return null;
            }
            seen.add(line);
            return line;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** {@code key=value} words of a line, e.g. {@code held=64 refused=2}. */
    static Map<String, Long> numbers(String line) {
        Map<String, Long> numbers = new HashMap<>();
        for (String word : line.split("\\s+")) {
            int eq = word.indexOf('=');
            if (eq > 0 && word.substring(eq + 1).matches("-?\\d+")) {
                numbers.put(word.substring(0, eq), Long.parseLong(word.substring(eq + 1)));
            }
        }
        return numbers;
    }

    /** One of them, which must be there. */
    static long number(String line, String key) {
        Long number = numbers(line).get(key);
        return number != null ? number : fail("no %s in '%s'", key, line);
    }

    void say(String line) {
        try {
            process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
        } catch (IOException e) {
            fail("the guest does not read: %s\n%s", e.getMessage(), report());
        }
    }

    /** Closes its standard input, which most guests take as "finish". */
    Guest finish() {
        try {
            process.getOutputStream().close();
        } catch (IOException e) {
            // It is gone already: its exit code will tell.
        }
        return this;
    }

    /** The program it is now: it may have become another. */
    String program() {
        return process.info().command().orElse("");
    }

    /** @param signal without SIG, e.g. {@code STOP} */
    void signal(String signal) {
        try {
            assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(pid()))
                            .start()
                            .waitFor())
                    .isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Stops it; returns when each of its threads stands still. */
    void freeze() {
        signal("STOP");
        Rig.eventually(() -> {
            try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid()), "task"))) {
                return threads.allMatch(Guest::standsStill);
            }
        });
    }

    /** A thread that ended meanwhile stands still too. */
    private static boolean standsStill(Path thread) {
        try {
            String stat = Files.readString(thread.resolve("stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) == 'T';
        } catch (IOException e) {
            return true;
        }
    }

    void thaw() {
        signal("CONT");
    }

    Guest kill() {
        process.destroyForcibly();
        return this;
    }

    /** Its exit code, 128 + n for a signal. */
    int exitCode() {
        try {
            assertThat(process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .as("ends in time\n%s", report())
                    .isTrue();
            return process.exitValue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** All of its standard output; waits for the end. */
    String output() {
        exitCode();
        while (next() != null) {
            // What it said is remembered.
        }
        return String.join("\n", seen);
    }

    /** What is no UTF-8, as of a program with garbage in its environment, with a replacement character for it. */
    String errors() {
        try {
            return new String(Files.readAllBytes(stderr), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String report() {
        return "pid " + pid() + "\n-- stdout so far\n" + String.join("\n", seen) + "\n-- stderr\n" + errors();
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
