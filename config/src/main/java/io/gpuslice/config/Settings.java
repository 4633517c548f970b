// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

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
 * @param stateDirectory of journals, snapshots and the log; absolute
 * @param devices with their memory, if told; empty: NVML is to be asked
 */
public record Settings(
        Ipc ipc, Path stateDirectory, Sessions sessions, List<LimitSpec.Device> devices, Journal journal, Log log) {
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

    /** For people or for machines. */
    public enum LogFormat {
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
     * @throws InvalidValueException naming the source, the setting and what it accepts; also if a file cannot be read,
     *     or has a key that nobody knows
     */
    public static Settings load(Locations locations, Map<String, String> flags, Optional<Path> file) {
        Sources sources = new Sources(flags, locations.environment(), ConfigurationFiles.read(locations, file));
        return new Settings(
                new Ipc(
                        sources.get(Catalogue.SOCKET).orElseGet(locations::socket),
                        sources.get(Catalogue.TOKEN),
                        sources.get(Catalogue.HANDSHAKE_TIMEOUT),
                        sources.get(Catalogue.MAX_CONNECTIONS)),
                sources.get(Catalogue.STATE_DIRECTORY).orElseGet(locations::stateDirectory),
                new Sessions(
                        sources.get(Catalogue.MAX_SESSIONS),
                        sources.get(Catalogue.END_GRACE),
                        sources.get(Catalogue.KILL_GRACE)),
                sources.get(Catalogue.DEVICES),
                new Journal(sources.get(Catalogue.SNAPSHOT_EVERY), sources.get(Catalogue.JOURNAL_ENGINE)),
                new Log(sources.get(Catalogue.LOG_LEVEL), sources.get(Catalogue.LOG_FORMAT)));
    }

    private static String written(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
