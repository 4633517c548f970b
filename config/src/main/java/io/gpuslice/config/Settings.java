// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What the daemon was told, once and typed. For each setting the strongest source wins: flag, then environment, then
 * file, then default; docs/configuration.md names them all.
 *
 * @param stateDirectory of journals, snapshots, the audit log and HTTP's token; absolute
 * @param devices with their memory, if told; empty: NVML is to be asked
 * @param deviceNodes glob of the files that whoever may hold a device's memory has open
 */
public record Settings(
        Ipc ipc,
        Access access,
        Path stateDirectory,
        Sessions sessions,
        List<LimitSpec.Device> devices,
        String deviceNodes,
        Journal journal,
        Http http,
        Metrics metrics,
        Audit audit,
        Log log) {
    /**
     * The socket and who may use it.
     *
     * @param socket where the daemon listens; absolute
     * @param token the operator's; present: demanded of whoever opens or joins a session
     * @param handshakeTimeout how long a new connection may say nothing
     * @param maxConnections at least 1
     */
    public record Ipc(Path socket, Optional<String> token, Duration handshakeTimeout, int maxConnections) {
        /** Without the token: settings are logged. */
        @Override
        public String toString() {
            return "Ipc[socket=" + socket + ", token=" + (token.isPresent() ? "set" : "unset") + ", handshakeTimeout="
                    + handshakeTimeout + ", maxConnections=" + maxConnections + "]";
        }
    }

    /**
     * Whom a daemon of root serves, and how much of it one user may have.
     *
     * @param users names or uids; {@link #EVERYBODY}: all
     * @param groups names or gids
     * @param admins groups, by name or gid, that may do as root may
     * @param sessionsPerUser open at one time, at least 1; empty: not bounded
     * @param limitPerUser bytes of all limits of a user's sessions on each device; empty: not bounded
     * @param connectionsPerUser to the socket, at least 1; empty: nearly all
     */
    public record Access(
            List<String> users,
            List<String> groups,
            List<String> admins,
            Optional<Integer> sessionsPerUser,
            Optional<Long> limitPerUser,
            Optional<Integer> connectionsPerUser) {
        /** Among {@link #users}: whoever it is. */
        public static final String EVERYBODY = "*";
    }

    /**
     * How many, and how they end.
     *
     * @param max sessions at one time, at least 1
     * @param endGrace from a session's last process to its end
     * @param killGrace from SIGTERM to SIGKILL
     */
    public record Sessions(int max, Duration endGrace, Duration killGrace) {}

    /**
     * How sessions are kept.
     *
     * @param snapshotEvery events of one session between two snapshots, at least 10
     */
    public record Journal(int snapshotEvery, JournalEngine engine) {}

    /**
     * What is answered by HTTP, and to whom.
     *
     * @param token demanded for every change; empty: the daemon makes one
     * @param requestsPerSecond of one other machine; 0: not bounded
     */
    public record Http(HttpAddress address, Optional<String> token, Optional<Tls> tls, int requestsPerSecond) {
        /** Without the token: settings are logged. */
        @Override
        public String toString() {
            return "Http[address=" + address + ", token=" + (token.isPresent() ? "set" : "unset") + ", tls=" + tls
                    + ", requestsPerSecond=" + requestsPerSecond + "]";
        }
    }

    /** Where HTTP's key and certificates are. */
    public sealed interface Tls {
        /** PEM files. */
        record Pem(Path certificate, Path key) implements Tls {}

        /**
         * A PKCS#12 file.
         *
         * @param passwordFile empty: it has no password
         */
        record Store(Path file, Optional<Path> passwordFile) implements Tls {}
    }

    /** Where HTTP is answered. */
    public sealed interface HttpAddress {
        /** Nowhere. */
        record Off() implements HttpAddress {}

        /** At the usual port of 127.0.0.1, or at any that is free if that one is taken. */
        record Usual() implements HttpAddress {}

        /**
         * There, or the daemon does not start.
         *
         * @param address resolved; its port may be 0, any that is free
         */
        record Fixed(InetSocketAddress address) implements HttpAddress {}
    }

    /**
     * What {@code /metrics} shows.
     *
     * @param sessions whether each of them has series of its own
     */
    public record Metrics(boolean sessions) {}

    /**
     * Where it is written what the daemon decided.
     *
     * @param file absolute; empty: nowhere
     * @param maxSize bytes from which on it is renamed and begun anew; 0: never
     */
    public record Audit(Optional<Path> file, long maxSize) {}

    /** What is written about it all. */
    public record Log(LogLevel level, LogFormat format) {}

    /** Which LevelDB writes the journal. */
    public enum JournalEngine {
        AUTO,
        NATIVE,
        JAVA;

        @Override
        public String toString() {
            return written(this);
        }
    }

    /** The least important messages that are still written. */
    public enum LogLevel {
        DEBUG,
        INFO,
        WARN,
        ERROR;

        @Override
        public String toString() {
            return written(this);
        }
    }

    /** For people or for machines; {@link #AUTO}: for people if they are at the other end. */
    public enum LogFormat {
        AUTO,
        TEXT,
        JSON;

        @Override
        public String toString() {
            return written(this);
        }
    }

    /**
     * Reads the settings.
     *
     * @param flags by key ({@code ipc.sock}), as {@link DaemonArguments} gives them
     * @param file read instead of those in {@link Locations#configurationDirectories()}
     * @throws InvalidValueException with a line for everything that is wrong, naming the source, the setting and what it
     *     accepts; also if a file cannot be read, or has a key that nobody knows
     */
    public static Settings load(Locations locations, Map<String, String> flags, Optional<Path> file) {
        return LoadedSettings.load(locations, flags, file).settings();
    }

    private static String written(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
