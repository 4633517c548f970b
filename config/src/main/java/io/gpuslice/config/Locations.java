// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where things are, for command line and daemon alike. Pure: it looks at the environment it is given and touches no
 * file. Every path it returns is absolute.
 *
 * @param environment of the process
 * @param uid the process's effective user id
 */
public record Locations(Map<String, String> environment, int uid) {
    /** Where a daemon that serves the whole machine listens (its unit says so); preferred to the user's own. */
    public static final Path SYSTEM_SOCKET = Path.of("/run/gpuslice/gpuslice.sock");

    /** Whoever owns it is the user whose daemon may serve the machine: only root can have made it. */
    public static final Path SYSTEM_DIRECTORY = Path.of("/run/gpuslice");

    /** The kernel's {@code sun_path} has 108 bytes, its NUL included. */
    static final int LONGEST_SOCKET_PATH = 107;

    private static final Path SYSTEM_CONFIGURATION = Path.of("/etc/gpuslice");
    private static final String SOCKET_NAME = "gpuslice.sock";

    public Locations {
        environment = Map.copyOf(environment);
    }

    /** {@code $XDG_RUNTIME_DIR/gpuslice}, else {@code /tmp/gpuslice-UID}: to be made 0700, and its owner checked. */
    public Path runtimeDirectory() {
        Path base = xdg("XDG_RUNTIME_DIR");
        return base != null ? base.resolve("gpuslice") : Path.of("/tmp/gpuslice-" + uid);
    }

    /**
     * Where the user's own daemon listens: {@code GPUSLICE_IPC_SOCK}, else in {@link #runtimeDirectory()}.
     *
     * @throws InvalidValueException if the path is longer than a socket's can be
     */
    public Path socket() {
        String given = value("GPUSLICE_IPC_SOCK");
        return checkedSocket(given != null ? Path.of(given) : runtimeDirectory().resolve(SOCKET_NAME));
    }

    /**
     * Where a client looks for a daemon, best first: {@code GPUSLICE_IPC_SOCK} alone if it is set, else the machine's and
     * then the user's own.
     *
     * @throws InvalidValueException if a path is longer than a socket's can be
     */
    public List<Path> socketsToTry() {
        return value("GPUSLICE_IPC_SOCK") != null ? List.of(socket()) : List.of(SYSTEM_SOCKET, socket());
    }

    /**
     * {@code GPUSLICE_STATE_DIR}, else {@code $XDG_STATE_HOME/gpuslice}, else {@code ~/.local/state/gpuslice}.
     *
     * @throws InvalidValueException if none of the three variables is set
     */
    public Path stateDirectory() {
        String given = value("GPUSLICE_STATE_DIR");
        if (given != null) {
            return Path.of(given).toAbsolutePath().normalize();
        }
        Path base = xdg("XDG_STATE_HOME");
        if (base != null) {
            return base.resolve("gpuslice");
        }
        String home = value("HOME");
        if (home == null) {
            throw new InvalidValueException(
                    "no place for the daemon's state: GPUSLICE_STATE_DIR, XDG_STATE_HOME and HOME "
                            + "are all unset; set GPUSLICE_STATE_DIR to a directory of yours");
        }
        return Path.of(home).toAbsolutePath().resolve(".local/state/gpuslice");
    }

    /**
     * Directories with {@code gpuslice.conf} and {@code conf.d/}, weakest first: {@code /etc/gpuslice}, then for anyone
     * but root {@code $XDG_CONFIG_HOME/gpuslice} or {@code ~/.config/gpuslice}.
     */
    public List<Path> configurationDirectories() {
        Path base = xdg("XDG_CONFIG_HOME");
        String home = value("HOME");
        if (base == null && home != null) {
            base = Path.of(home).toAbsolutePath().resolve(".config");
        }
        return uid == 0 || base == null
                ? List.of(SYSTEM_CONFIGURATION)
                : List.of(SYSTEM_CONFIGURATION, base.resolve("gpuslice"));
    }

    static Path checkedSocket(Path path) {
        Path absolute = path.toAbsolutePath().normalize();
        int bytes = absolute.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > LONGEST_SOCKET_PATH) {
            throw new InvalidValueException("socket path " + absolute + " has " + bytes + " bytes, more than the "
                    + LONGEST_SOCKET_PATH + " that the kernel takes: set GPUSLICE_IPC_SOCK to a shorter one");
        }
        return absolute;
    }

    // The XDG specification: a relative path in one of its variables is to be ignored.
    private @Nullable Path xdg(String variable) {
        String value = value(variable);
        return value != null && value.startsWith("/") ? Path.of(value) : null;
    }

    private @Nullable String value(String variable) {
        String value = environment.get(variable);
        return value == null || value.isEmpty() ? null : value;
    }
}
