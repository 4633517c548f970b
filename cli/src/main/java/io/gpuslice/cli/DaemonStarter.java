// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.linux.LockFile;
import io.gpuslice.linux.PrivateDirectory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Starts the user's own daemon, as ssh-agent would be: in a session of its own, at {@code /}, with an environment that
 * holds what a daemon may need and nothing of the program's.
 */
final class DaemonStarter {
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final int LOG_LINES_SHOWN = 12;
    private static final String LOG = "gpusliced.log";
    /** What every state directory has that a daemon has ever begun. */
    private static final String STATE = "VERSION";
    /** In it, too: held by the daemon that uses it, which has written its pid there. */
    private static final String LOCK = "lock";

    /** Told to the daemon by {@code GPUSLICE_READY_FD}: it writes this line to that descriptor once it listens. */
    private static final String READY = "READY";

    private static final Set<String> HANDED_ON = Set.of(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "LANG",
            "XDG_RUNTIME_DIR",
            "XDG_STATE_HOME",
            "XDG_CONFIG_HOME",
            "JAVA_HOME",
            // Where NVML is found.
            "LD_LIBRARY_PATH");
    private static final List<String> HANDED_ON_PREFIXES = List.of("GPUSLICE_", "FAKECUDA_", "LC_");
    /** Those of our settings that belong to a program in a session, or to a daemon elsewhere. */
    private static final Set<String> OTHERS_OWN =
            Set.of("GPUSLICE_SESSION", "GPUSLICE_DEBUG", "GPUSLICE_IPC_WAIT", "GPUSLICE_TOKEN");

    private final Context context;

    DaemonStarter(Context context) {
        this.context = context;
    }

    /**
     * Makes the directory of the socket, for this user alone. A directory of another's under /tmp would let that other
     * put a daemon of theirs in front of us.
     */
    void prepareDirectory(Path socket) throws Failure {
        // Absolute, and a socket: it is in something.
        Path directory = Objects.requireNonNull(socket.getParent());
        try {
            if (directory.equals(context.locations().runtimeDirectory())) {
                PrivateDirectory.create(directory);
            } else {
                // Chosen by the user; that the right one answers there is checked at every connection.
                Files.createDirectories(directory);
            }
        } catch (IOException e) {
            throw new Failure(
                    "cannot start the daemon: no place for its socket: " + e.getMessage(),
                    "set GPUSLICE_IPC_SOCK to a path in a directory of yours");
        }
    }

    /**
     * Starts it and waits until it listens.
     *
     * @return its log
     * @throws Failure with the end of the log, if it does not listen within 15 s
     */
    Path start(Path socket) throws Failure {
        Path state = stateDirectory();
        Path log = state.resolve(LOG);
        try {
            // The daemon will look, too; but the log is opened here, and in another's directory it could be a link.
            PrivateDirectory.create(state);
            long before = Files.exists(log) ? Files.size(log) : 0;
            Process process = process(socket, state, log).start();
            awaitReady(process, log, before);
            return log;
        } catch (IOException e) {
            throw new Failure(
                    "cannot start the daemon: "
                            + (e instanceof AccessDeniedException
                                    ? "you may not make " + e.getMessage()
                                    : e.getMessage()),
                    "its state is in " + state
                            + "; set GPUSLICE_STATE_DIR for another place, or start `gpusliced` yourself");
        }
    }

    /** Whether there has been a daemon of this user's, whose sessions may come back with the next. */
    boolean hasState() {
        return exists(STATE).isPresent();
    }

    /** Where the user's own daemon writes what it has to say, if `run` or `create` started it. */
    Optional<Path> log() {
        return exists(LOG);
    }

    /** Whether a daemon has the state directory, also one that does not listen yet. */
    boolean stateIsInUse() throws Failure {
        Path lock = stateDirectory().resolve(LOCK);
        if (!Files.exists(lock)) {
            return false;
        }
        try (LockFile mine = LockFile.tryLock(lock).orElse(null)) {
            return mine == null;
        } catch (IOException e) {
            return false;
        }
    }

    /** The daemon that has the state directory, if that listens. */
    Optional<StateHolder> holder() {
        Optional<Path> lock = exists(LOCK);
        return lock.isEmpty() ? Optional.empty() : StateHolder.of(lock.get());
    }

    private ProcessBuilder process(Path socket, Path state, Path log) {
        // `setsid --fork` leaves the daemon to init: a program that we become must not find in wait() a child that it
        // never
        // started. `head` ends with the first line or with the daemon, and our direct child with it: Java stops
        // reading a child's output when that child ends, whoever else could still write to it.
        ProcessBuilder builder = new ProcessBuilder(
                "/bin/sh",
                "-c",
                "setsid --fork \"$0\" | head -n 1",
                context.home().resolve("bin/gpusliced").toString());
        builder.directory(Path.of("/").toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        Map<String, String> environment = builder.environment();
        environment.clear();
        context.environment().forEach((name, value) -> {
            if (handedOn(name)) {
                environment.put(name, value);
            }
        });
        // In a session the variable holds the session's token: that daemon has the operator's already, or needs none.
        if (context.operatorToken().isEmpty()) {
            environment.remove("GPUSLICE_IPC_TOKEN");
        }
        environment.put("GPUSLICE_IPC_SOCK", socket.toString());
        environment.put("GPUSLICE_STATE_DIR", state.toString());
        environment.put("GPUSLICE_READY_FD", "1");
        return builder;
    }

    private static boolean handedOn(String name) {
        return HANDED_ON.contains(name)
                || (HANDED_ON_PREFIXES.stream().anyMatch(name::startsWith) && !OTHERS_OWN.contains(name));
    }

    // The event is the line, or the end of the pipe when the daemon has died: nothing is polled.
    private static void awaitReady(Process process, Path log, long before) throws Failure {
        CompletableFuture<Boolean> ready = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> ready.complete(saysReady(process)));
        try {
            if (!ready.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new Failure("the daemon ended before it was ready; " + said(log, before), "its log: " + log);
            }
        } catch (TimeoutException e) {
            throw new Failure(
                    "the daemon was not ready within " + PATIENCE.toSeconds() + " s; " + said(log, before),
                    "its log: " + log);
        } catch (ExecutionException e) {
            throw new AssertionError("completed by a value alone", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while the daemon was starting", "its log: " + log);
        }
    }

    private static boolean saysReady(Process process) {
        try (BufferedReader said = process.inputReader(StandardCharsets.UTF_8)) {
            return said.lines().anyMatch(READY::equals);
        } catch (IOException | UncheckedIOException e) {
            return false;
        }
    }

    /** The end of what this daemon wrote: earlier ones wrote {@code before} bytes into the same log. */
    private static String said(Path log, long before) {
        try (InputStream in = Files.newInputStream(log)) {
            in.skipNBytes(before);
            List<String> lines = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1)
                    .lines()
                    .toList();
            // Why it gave up it says in such words; what is before that is its log.
            List<String> why = lines.stream()
                    .filter(line -> line.startsWith("gpusliced: "))
                    .toList();
            if (!why.isEmpty()) {
                lines = why;
            }
            List<String> last = lines.subList(Math.max(0, lines.size() - LOG_LINES_SHOWN), lines.size());
            return last.isEmpty() ? "it said nothing" : "it said:\n  | " + String.join("\n  | ", last);
        } catch (IOException e) {
            return "its log cannot be read: " + e.getMessage();
        }
    }

    private Optional<Path> exists(String name) {
        try {
            return Optional.of(stateDirectory().resolve(name)).filter(Files::exists);
        } catch (Failure e) {
            // No place for any state.
            return Optional.empty();
        }
    }

    private Path stateDirectory() throws Failure {
        try {
            return context.locations().stateDirectory();
        } catch (InvalidValueException e) {
            throw new Failure(String.valueOf(e.getMessage()), "");
        }
    }
}
