// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.LockFile;
import java.io.IOException;
import java.nio.file.Files;
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
public final class Daemons {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** With a question that changes nothing: whoever only looks had better hear soon that the daemon is silent. */
    private static final Duration PATIENCE_WITH_A_LOOK = Duration.ofSeconds(3);

    private static final Duration OTHERS_START = Duration.ofSeconds(5);

    /** The bits of a file's mode that say what it is, and those of a socket. */
    private static final int S_IFMT = 0170000;

    private static final int S_IFSOCK = 0140000;

    private final Context context;
    private final Duration patience;
    /** That the machine's daemon is there for others; empty: not that {@link #find} has met any such. */
    private String notServed = "";
    /** Whether this has started the user's own. */
    private boolean started;

    private Daemons(Context context, Duration patience) {
        this.context = context;
        this.patience = patience;
    }

    /** For verbs that change something. */
    public Daemons(Context context) {
        this(context, PATIENCE);
    }

    /** For verbs that only look. */
    public static Daemons toLookAt(Context context) {
        return new Daemons(context, PATIENCE_WITH_A_LOOK);
    }

    /** The same, with more patience for their answers. */
    public Daemons patient(Duration with) {
        return new Daemons(context, with);
    }

    /**
     * The first daemon that answers, of those in {@link io.gpuslice.config.Locations#socketsToTry()}; else the one that has
     * this user's state, wherever it listens.
     */
    Optional<Connection> find() throws Failure {
        for (Path socket : sockets()) {
            Optional<Connection> connection = connect(socket);
            if (connection.isPresent()) {
                return connection;
            }
        }
        Optional<StateHolder> holder = holder();
        return holder.isPresent() ? connect(holder.get().socket()) : Optional.empty();
    }

    /** Empty also where the user has said at which socket alone a daemon is meant. */
    private Optional<StateHolder> holder() throws Failure {
        return sockets().size() == 1 ? Optional.empty() : new DaemonStarter(context).holder();
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
        throw none();
    }

    /**
     * The daemon that is meant: the one of {@code --host}, or one of this machine.
     *
     * @throws Failure if none runs here; whether one runs there is seen at the first question
     */
    public Calls calls() throws Failure {
        return context.host().isPresent()
                ? new Calls(new HttpAnswering(context.host().get()))
                : new Calls(require(), context.operatorToken());
    }

    /** That none runs. Sessions outlive their daemon, so that says nothing of whether there are any. */
    Failure none() throws Failure {
        String what = "no daemon is running at " + String.join(" or ", places())
                + (notServed.isEmpty() ? "" : " (" + notServed + ")") + leftBehind();
        return new DaemonStarter(context).hasState()
                ? new Failure(
                        what + "; sessions it had come back when one starts",
                        "run, create or exec start it, and so does `gpusliced`")
                : new Failure(what, "`gpuslice run --limit 8GB -- CMD` starts one, and so does `gpusliced`");
    }

    /** That the machine's daemon is there, and serves others; empty: it is not that which {@link #find} has found. */
    Optional<String> notServed() {
        return Optional.of(notServed).filter(text -> !text.isEmpty());
    }

    /** What whoever has just got a daemon of their own, in place of the machine's, should hear once. */
    Optional<String> aboutTheirOwn() {
        return notServed()
                .filter(_ -> started)
                .map(text -> text + ": a daemon of your own is started, which knows nothing of the sessions there");
    }

    /** What a dead one has left, which looks to people like one that is there. */
    private String leftBehind() throws Failure {
        StringBuilder said = new StringBuilder();
        for (Path socket : sockets()) {
            boolean served = notServed.isEmpty() || isOwn(socket);
            if (served && Files.exists(socket) && Files.isWritable(socket)) {
                said.append(" (")
                        .append(socket)
                        .append(" is what one has left that was killed: nobody listens there, and the next replaces"
                                + " it)");
            }
        }
        return said.toString();
    }

    /** For verbs that open a session. Of several that find none at the same time one starts it, and the others wait. */
    Connection findOrStart() throws Failure {
        Optional<Connection> found = find();
        return found.isPresent() ? found.get() : start();
    }

    /**
     * For a verb that needs a session which exists: starts the user's own daemon if that may bring it back.
     *
     * @throws Failure if no daemon runs, and none has left anything behind
     */
    Connection findOrRevive() throws Failure {
        Optional<Connection> found = find();
        if (found.isPresent()) {
            return found.get();
        }
        // Inside a session the socket is that of the session's daemon, which need not be the user's own.
        if (context.session().isPresent() || !new DaemonStarter(context).hasState()) {
            throw none();
        }
        return start();
    }

    /** Where the user's own daemon writes what it has to say; empty: nowhere that is known. */
    public Optional<Path> log() {
        return new DaemonStarter(context).log();
    }

    /** Where {@link #find} looks. */
    List<String> places() throws Failure {
        return sockets().stream().map(Path::toString).toList();
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
            Optional<StateHolder> holder = holder();
            if (holder.isPresent()) {
                return join(holder.get());
            }
            return startOrJoin(starter, socket);
        } catch (IOException e) {
            throw new Failure(
                    "cannot start the daemon: no lock on " + lock + ": " + e.getMessage(),
                    "start it yourself (`gpusliced &`) to see what is wrong");
        }
    }

    private Connection join(StateHolder holder) throws Failure {
        return connect(holder.socket())
                .orElseThrow(() -> new Failure(
                        "your daemon (pid " + holder.pid() + ") still runs, and its socket, " + holder.socket()
                                + ", is gone: logging out removes what is there",
                        "kill " + holder.pid()
                                + ", and try again: programs in its sessions go on meanwhile, and the next"
                                + " daemon knows them"));
    }

    private Connection startOrJoin(DaemonStarter starter, Path socket) throws Failure, IOException {
        try {
            Path log = starter.start(socket);
            started = true;
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
            Optional<Path> log = isOwn(socket) ? new DaemonStarter(context).log() : Optional.empty();
            Connection connection = Connection.open(socket, context.locations().uid(), patience, log);
            if (isOwn(socket) || connection.isServed()) {
                return Optional.of(connection);
            }
            connection.close();
            return othersAlone(socket);
        } catch (LinuxException e) {
            return switch (e.errno()) {
                case Errno.ENOENT, Errno.ENOTDIR -> Optional.empty();
                case Errno.EACCES -> {
                    if (isOwn(socket)) {
                        throw notForUs(socket);
                    }
                    yield othersAlone(socket);
                }
                case Errno.ECONNREFUSED -> {
                    requireLeftBehind(socket);
                    yield Optional.empty();
                }
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

    /** The machine's daemon may be for others alone; then there is the user's own. */
    private Optional<Connection> othersAlone(Path socket) throws Failure {
        notServed = "the machine's daemon, at " + socket + ", does not serve you (uid "
                + context.locations().uid() + ")";
        return Optional.empty();
    }

    /** Whether it is the user's own, or the one that the user has named: not the machine's. */
    private boolean isOwn(Path socket) throws Failure {
        return sockets().size() == 1 || !socket.equals(sockets().getFirst());
    }

    private Failure notForUs(Path socket) throws Failure {
        int uid = context.locations().uid();
        return new Failure(
                "you (uid " + uid + ") may not connect to " + socket + ", which belongs to " + owner(socket),
                "unset GPUSLICE_IPC_SOCK for a daemon of your own, or ask the owner to let you in");
    }

    /** The directory's where that is closed already. */
    private static String owner(Path socket) {
        for (Path path = socket; path != null; path = path.getParent()) {
            try {
                return "uid " + Files.getAttribute(path, "unix:uid")
                        + (path.equals(socket) ? "" : ", as the owner of " + path);
            } catch (IOException e) {
                // Not to be seen from here: the directory it is in may be.
            }
        }
        return "somebody else";
    }

    /** What refuses is the socket of a daemon that has died, or no socket at all: there none could ever listen. */
    private static void requireLeftBehind(Path socket) throws Failure {
        try {
            int mode = (Integer) Files.getAttribute(socket, "unix:mode");
            if ((mode & S_IFMT) != S_IFSOCK) {
                throw new Failure(
                        socket + " is "
                                + (Files.isDirectory(socket)
                                        ? "a directory"
                                        : Files.isRegularFile(socket) ? "a file" : "a device or a pipe")
                                + " and no socket: no daemon can listen there",
                        "set GPUSLICE_IPC_SOCK to a path where nothing is yet, or unset it for the usual one");
            }
        } catch (IOException e) {
            // It has gone: then nothing is in the way.
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
