// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static io.gpuslice.cli.doctor.Finding.fail;
import static io.gpuslice.cli.doctor.Finding.ok;
import static io.gpuslice.cli.doctor.Finding.skip;
import static io.gpuslice.cli.doctor.Finding.warn;

import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The daemon, the way to it, and whether it has the GPU to itself. */
final class ServiceChecks {
    /** What the kernel says of a socket among the modes of files. */
    private static final int S_IFMT = 0170000;

    private static final int S_IFSOCK = 0140000;

    private static final Set<PosixFilePermission> OF_OTHERS = Set.of(
            PosixFilePermission.GROUP_READ,
            PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.GROUP_EXECUTE,
            PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE,
            PosixFilePermission.OTHERS_EXECUTE);

    private static final String DAEMON_CLASS = "io.gpuslice.daemon.Main";

    private ServiceChecks() {}

    // ---- the way to the daemon

    static Finding socket(Machine machine) throws IOException {
        Machine.Daemon daemon = machine.daemon().get();
        if (daemon instanceof Machine.Daemon.Answers answers) {
            return ok("a daemon answers at " + answers.socket());
        }
        if (daemon instanceof Machine.Daemon.None(Optional<String> notServed) && notServed.isPresent()) {
            return warn(
                    notServed.get()
                            + "; `gpuslice run` starts a daemon of your own, which knows nothing of its sessions",
                    "ask for a place in `access.users` or `access.groups` of the machine's");
        }
        List<Path> sockets = machine.places().sockets();
        for (Path socket : sockets) {
            if (!Files.exists(socket)) {
                continue;
            }
            if (((Integer) Files.getAttribute(socket, "unix:mode") & S_IFMT) != S_IFSOCK) {
                return fail(
                        socket + " is no socket: no daemon can listen there",
                        "remove it, or set GPUSLICE_IPC_SOCK to a path where nothing is yet");
            }
            if (!machine.usable().test(socket)) {
                return fail(
                        "you (uid " + machine.uid() + ") may not connect to " + socket + ", which belongs to uid "
                                + Files.getAttribute(socket, "unix:uid"),
                        "ask for a place in `access.users` or `access.groups` of that daemon, or set GPUSLICE_IPC_SOCK to another");
            }
            if (daemon instanceof Machine.Daemon.None) {
                return warn(
                        socket + " was left behind by a daemon that has died",
                        "nothing has to be done: `gpuslice run` or `gpusliced` takes its place");
            }
        }
        return ok("nobody listens at "
                + sockets.stream().map(Path::toString).collect(Collectors.joining(" or "))
                + "; `gpuslice run` starts a daemon");
    }

    static Finding daemon(Machine machine) {
        return switch (machine.daemon().get()) {
            case Machine.Daemon.None(Optional<String> _) -> skip("none is running");
            case Machine.Daemon.Unusable(String why, String fix) -> fail(why, fix);
            case Machine.Daemon.Answers(String version, String protocol, int pid, Path _, Optional<String> _) -> {
                String what = "gpusliced " + version + " (pid " + pid + "), protocol " + protocol;
                if (!protocol.startsWith(Abi.ABI_MAJOR + ".")) {
                    yield fail(
                            what + ", and this gpuslice speaks " + Abi.ABI_MAJOR + "." + Abi.ABI_MINOR,
                            "install both from one release, and restart the daemon");
                }
                yield version.equals(machine.version())
                        ? ok(what)
                        : warn(
                                what + ", and this is gpuslice " + machine.version(),
                                "restart the daemon when it suits; programs in sessions go on meanwhile");
            }
        };
    }

    static Finding dashboard(Machine machine) {
        if (!(machine.daemon().get() instanceof Machine.Daemon.Answers answers)) {
            return skip("no daemon answers");
        }
        return answers.dashboard()
                .map(url -> ok(url + " for a browser here; changes there want the token in " + answers.socket()
                        + ".http.json"))
                .orElse(skip("this daemon answers no HTTP (http.address)"));
    }

    // ---- permissions

    static Finding directories(Machine machine) throws IOException {
        Machine.Places places = machine.places();
        List<String> good = new ArrayList<>();
        for (Path directory : Stream.concat(Stream.of(places.runtime()), places.state().stream())
                .toList()) {
            Optional<Finding> wrong = wrongWith(machine, directory);
            if (wrong.isPresent()) {
                return wrong.get();
            }
            good.add(directory.toString());
        }
        return places.state().isPresent()
                ? ok(String.join(" and ", good) + (good.size() > 1 ? " are" : " is")
                        + " this user's alone, or can be made")
                : warn(
                        "no place for the state of a daemon of your own",
                        "set HOME, XDG_STATE_HOME or GPUSLICE_STATE_DIR");
    }

    /** A daemon refuses a directory that others can get into. */
    private static Optional<Finding> wrongWith(Machine machine, Path directory) throws IOException {
        if (!Files.exists(directory)) {
            Path above = directory;
            while (above != null && !Files.exists(above)) {
                above = above.getParent();
            }
            return above == null || machine.usable().test(above)
                    ? Optional.empty()
                    : Optional.of(fail(
                            directory + " cannot be made: " + above + " may not be written",
                            "let XDG_RUNTIME_DIR and XDG_STATE_HOME name directories of yours"));
        }
        if (!Files.isDirectory(directory)) {
            return Optional.of(fail(directory + " is no directory", "remove it"));
        }
        int owner = (Integer) Files.getAttribute(directory, "unix:uid");
        if (owner != machine.uid()) {
            return Optional.of(fail(
                    directory + " belongs to uid " + owner + ", not to you (uid " + machine.uid() + ")",
                    "let XDG_RUNTIME_DIR and XDG_STATE_HOME name directories of yours"));
        }
        boolean open = Files.getPosixFilePermissions(directory).stream().anyMatch(OF_OTHERS::contains);
        return open
                ? Optional.of(fail(
                        "others can look into " + directory + ", and the daemon will not use it",
                        "`chmod 700 " + directory + "`"))
                : Optional.empty();
    }

    // ---- others

    static Finding neighbours(Machine machine) throws IOException {
        int own = machine.daemon().get() instanceof Machine.Daemon.Answers answers ? answers.pid() : -1;
        List<String> others = machine.in("/proc", name -> name.matches("\\d+")).stream()
                .filter(process -> !process.endsWith(String.valueOf(own)))
                .filter(ServiceChecks::isDaemon)
                .map(ServiceChecks::named)
                .toList();
        return others.isEmpty()
                ? ok("no other daemon on this machine")
                : warn(
                        "there " + (others.size() == 1 ? "is another daemon" : "are other daemons")
                                + " on this machine: " + String.join(", ", others)
                                + "; none knows of the others' sessions",
                        "where they share a GPU, see that their limits together fit it; one daemon of root's can serve all users (`access.users`)");
    }

    private static boolean isDaemon(Path process) {
        try {
            return List.of(Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                            .split("\0"))
                    .contains(DAEMON_CLASS);
        } catch (IOException e) {
            // It has ended, or is not for this user to see.
            return false;
        }
    }

    private static String named(Path process) {
        try {
            return "pid " + process.getFileName() + " of uid " + Files.getAttribute(process, "unix:uid");
        } catch (IOException e) {
            return "pid " + process.getFileName() + ", which has ended";
        }
    }
}
