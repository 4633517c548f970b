// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.LockFile;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Finds the daemon to talk to, and starts the user's own where there is none. */
final class Daemons {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration OTHERS_START = Duration.ofSeconds(5);

    private final Context context;
    private final Duration patience;

    private Daemons(Context context, Duration patience) {
        this.context = context;
        this.patience = patience;
    }

    Daemons(Context context) {
        this(context, PATIENCE);
    }

    /** The same, with more patience for their answers. */
    Daemons patient(Duration with) {
        return new Daemons(context, with);
    }

    /** The first daemon that answers, of those in {@link io.gpuslice.config.Locations#socketsToTry()}. */
    Optional<Connection> find() throws Failure {
        for (Path socket : sockets()) {
            Optional<Connection> connection = connect(socket);
            if (connection.isPresent()) {
                return connection;
            }
        }
        return Optional.empty();
    }

    /**
     * For verbs that speak of what exists already.
     *
     * @throws Failure if no daemon runs
     */
    Connection require() throws Failure {
        Optional<Connection> found = find();
        if (found.isPresent()) {
            return found.get();
        }
        throw new Failure(
                "no daemon is running, hence there are no sessions (looked at " + nowhere() + ")",
                "`gpuslice run --limit 8GB -- CMD` starts one, and so does `gpusliced`");
    }

    /** For verbs that open a session. Of several that find none at the same time one starts it, and the others wait. */
    Connection findOrStart() throws Failure {
        Optional<Connection> found = find();
        return found.isPresent() ? found.get() : start();
    }

    /** Where {@link #find} looks, for messages. */
    String nowhere() throws Failure {
        return String.join(", ", sockets().stream().map(Path::toString).toList());
    }

    private Connection start() throws Failure {
        Path socket = sockets().getLast();
        DaemonStarter starter = new DaemonStarter(context);
        starter.prepareDirectory(socket);
        Path lock = socket.resolveSibling(socket.getFileName() + ".start");
        try (LockFile _ = LockFile.lock(lock)) {
            // Whoever held the lock before us may have started it.
            Optional<Connection> found = connect(socket);
            if (found.isPresent()) {
                return found.get();
            }
            return startOrJoin(starter, socket);
        } catch (IOException e) {
            throw new Failure(
                    "cannot start the daemon: no lock on " + lock + ": " + e.getMessage(),
                    "start it yourself (`gpusliced &`) to see what is wrong");
        }
    }

    private Connection startOrJoin(DaemonStarter starter, Path socket) throws Failure, IOException {
        try {
            Path log = starter.start(socket);
            return connect(socket)
                    .orElseThrow(() -> new Failure(
                            "the daemon said it was ready, but nobody answers at " + socket, "its log: " + log));
        } catch (Failure failure) {
            // One that was started by hand a moment ago has the state, and will listen soon.
            Optional<Connection> other = starter.stateIsInUse() ? await(socket) : Optional.empty();
            return other.orElseThrow(() -> failure);
        }
    }

    /** Connects as soon as somebody listens. */
    private Optional<Connection> await(Path socket) throws Failure, IOException {
        long deadline = System.nanoTime() + OTHERS_START.toNanos();
        Path directory = Objects.requireNonNull(socket.getParent());
        try (WatchService changes = directory.getFileSystem().newWatchService()) {
            directory.register(changes, StandardWatchEventKinds.ENTRY_CREATE);
            Optional<Connection> found = connect(socket);
            while (found.isEmpty() && System.nanoTime() < deadline) {
                // The file appears a moment before anybody listens at it, hence the second look without an event.
                WatchKey key = changes.poll(50, TimeUnit.MILLISECONDS);
                if (key != null) {
                    key.pollEvents();
                    key.reset();
                }
                found = connect(socket);
            }
            return found;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    private Optional<Connection> connect(Path socket) throws Failure {
        try {
            return Optional.of(Connection.open(socket, context.locations().uid(), patience));
        } catch (LinuxException e) {
            return switch (e.errno()) {
                // None there; one left behind; one that is not for us, such as another group's.
                case Errno.ENOENT, Errno.ENOTDIR, Errno.ECONNREFUSED, Errno.EACCES -> Optional.empty();
                default ->
                    throw new Failure(
                            "cannot connect to the daemon: " + e.getMessage(), "set GPUSLICE_IPC_SOCK to another");
            };
        } catch (IOException e) {
            throw new Failure(
                    "the daemon at " + socket + " does not accept: " + e.getMessage(),
                    "it may be stopped or overloaded: look at its process and its log, then try again");
        }
    }

    private List<Path> sockets() throws Failure {
        try {
            return context.locations().socketsToTry();
        } catch (InvalidValueException e) {
            throw new Failure(String.valueOf(e.getMessage()), "");
        }
    }
}
