// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import io.gpuslice.config.Setting.Trait;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;

/** Every setting of the daemon, once. {@link Settings} reads them, and the reference page is made of them. */
final class Catalogue {
    private static final String V1_0 = "1.0.0";

    static final Setting<Optional<Path>> SOCKET = new Setting<>(
            "ipc.sock",
            "path",
            "",
            V1_0,
            "Where the daemon listens. Unset: `$XDG_RUNTIME_DIR/gpuslice/gpuslice.sock`, else `/tmp/gpuslice-UID/gpuslice.sock`.",
            orEmpty(text -> Locations.checkedSocket(Path.of(text))));
    static final Setting<Optional<String>> TOKEN = new Setting<>(
            "ipc.token",
            "text, at most 127 bytes",
            "",
            V1_0,
            "The operator's token. Set: nobody opens or joins a session without it. Unset: the kernel's word on the caller's uid is enough. "
                    + "A secret: prefer the variable or a file of mode 0600 to the flag, which `ps` shows.",
            orEmpty(Catalogue::token),
            Trait.SECRET);
    static final Setting<Duration> HANDSHAKE_TIMEOUT = new Setting<>(
            "ipc.handshake-timeout",
            "duration",
            "5s",
            V1_0,
            "How long a new connection may take to say who it is before it is closed.",
            Durations::parse);
    static final Setting<Integer> MAX_CONNECTIONS = new Setting<>(
            "ipc.max-connections",
            "number, from 1",
            "8192",
            V1_0,
            "Open connections in all; more are answered `OVERLOADED`. Every member of a session holds one, and three open files; fewer are let in where the limit of open files (`ulimit -n`) has no room for that many.",
            text -> number(text, 1));
    static final Setting<List<String>> ACCESS_USERS = new Setting<>(
            "access.users",
            "NAME or UID, …; or `*`",
            "",
            V1_0,
            "Whom the machine's daemon (root's, or of the owner of `/run/gpuslice`) serves besides root and its own "
                    + "user; `*`: everybody. Each sees and changes its own sessions alone. "
                    + "With these, or `access.groups`, others may connect to the socket, and the kernel says who they are. "
                    + "A daemon of any other user serves that user and root, and does not start with them.",
            Catalogue::names);
    static final Setting<List<String>> ACCESS_GROUPS = new Setting<>(
            "access.groups",
            "NAME or GID, …",
            "",
            V1_0,
            "The same for everybody in these groups: by the groups of the process that connects, as the kernel knows them. "
                    + "Who was put into a group later logs in anew.",
            Catalogue::names);
    static final Setting<List<String>> ACCESS_ADMINS = new Setting<>(
            "access.admins",
            "NAME or GID, …",
            "",
            V1_0,
            "Groups whose members are served and may see, change and end the sessions of all users, as root may. "
                    + "Over HTTP the kernel tells a connection's user and not its groups: there they show the token.",
            Catalogue::names);
    static final Setting<Optional<Integer>> SESSIONS_PER_USER = new Setting<>(
            "access.sessions-per-user",
            "number, from 1",
            "",
            V1_0,
            "Sessions that one user may have open; more are answered `QUOTA_EXCEEDED`. Unset: as many as `sessions.max` allows. "
                    + "What root or a member of `access.admins` opens or changes is not held to this.",
            orEmpty(text -> number(text, 1)),
            Trait.RELOADED);
    static final Setting<Optional<Long>> LIMIT_PER_USER = new Setting<>(
            "access.limit-per-user",
            "size",
            "",
            V1_0,
            "What the limits of one user's sessions may come to on each device, in sum; more is answered `QUOTA_EXCEEDED`. Unset: anything. "
                    + "What root or a member of `access.admins` opens or changes is not held to this.",
            orEmpty(Sizes::parse),
            Trait.RELOADED);
    static final Setting<Optional<Integer>> CONNECTIONS_PER_USER = new Setting<>(
            "access.connections-per-user",
            "number, from 1",
            "",
            V1_0,
            "Open connections to the socket of one user, its programs' included; more are answered `OVERLOADED`. "
                    + "Unset: `ipc.max-connections` less 16 (at most a quarter), which are kept for others.",
            orEmpty(text -> number(text, 1)));
    static final Setting<Optional<Path>> STATE_DIRECTORY = new Setting<>(
            "state-dir",
            "path",
            "",
            V1_0,
            "Journals, snapshots, the audit log and HTTP's token. Unset: `$XDG_STATE_HOME/gpuslice`, else `~/.local/state/gpuslice`. One daemon at a time.",
            orEmpty(Catalogue::path));
    static final Setting<Integer> MAX_SESSIONS = new Setting<>(
            "sessions.max",
            "number, from 1",
            "4096",
            V1_0,
            "Sessions at one time; more are answered `OVERLOADED`.",
            text -> number(text, 1),
            Trait.RELOADED);
    static final Setting<Duration> END_GRACE = new Setting<>(
            "sessions.end-grace",
            "duration",
            "10s",
            V1_0,
            "How long a session outlives its last process, so that a program may exec or restart.",
            Durations::parse);
    static final Setting<Duration> KILL_GRACE = new Setting<>(
            "sessions.kill-grace",
            "duration",
            "10s",
            V1_0,
            "How long `rm --force` waits between SIGTERM and SIGKILL.",
            Durations::parse);
    static final Setting<List<LimitSpec.Device>> DEVICES = new Setting<>(
            "devices",
            "UUID=SIZE,…",
            "",
            V1_0,
            "The devices and their memory in nvidia-smi's order, where NVML cannot tell. Unset: NVML is asked.",
            Catalogue::devices);
    static final Setting<String> DEVICE_NODES = new Setting<>(
            "device-nodes",
            "glob",
            "/dev/nvidia[0-9]*",
            V1_0,
            "Files that a process has open as long as it may hold a GPU's memory: while a child of a dead process has one of them open, "
                    + "what the dead one held stays counted.",
            Catalogue::glob);
    static final Setting<Integer> SNAPSHOT_EVERY = new Setting<>(
            "journal.snapshot-every",
            "number of events, from 10",
            "1000",
            V1_0,
            "Events of one session between two snapshots: more make a restart slower, fewer the disk busier.",
            text -> number(text, 10));
    static final Setting<Settings.JournalEngine> JOURNAL_ENGINE = new Setting<>(
            "journal.engine",
            "`auto`, `native` or `java`",
            "auto",
            V1_0,
            "Which LevelDB writes the journal. `auto`: the native one where it exists (x86-64), else the one in Java.",
            text -> oneOf(Settings.JournalEngine.class, text));
    static final Setting<Settings.HttpAddress> HTTP_ADDRESS = new Setting<>(
            "http.address",
            "`ADDRESS:PORT` (an IP address: `127.0.0.1:8747`, `[::1]:8747`; port 0 is any free one), or `off`",
            "",
            V1_0,
            "Where HTTP is answered: there or, if it is taken, nowhere, and the daemon does not start. "
                    + "Unset: `127.0.0.1:8747`, or any free port of 127.0.0.1 if that is taken; `gpuslice info` says which. "
                    + "An address that other machines reach demands `http.token`.",
            HttpAddresses::parse);
    static final Setting<Optional<String>> HTTP_TOKEN = new Setting<>(
            "http.token",
            "text, 16 to 256 visible ASCII characters",
            "",
            V1_0,
            "What `Authorization: Bearer` must carry for every change by HTTP. "
                    + "Unset: a random one, kept in `http-token` in `state-dir`. "
                    + "A secret: prefer the variable or a file of mode 0600 to the flag, which `ps` shows.",
            orEmpty(Catalogue::bearerToken),
            Trait.SECRET);
    static final Setting<Optional<Path>> HTTP_TLS_CERTIFICATE = new Setting<>(
            "http.tls-certificate",
            "path",
            "",
            V1_0,
            "A PEM file with the server's certificate and, behind it, those that vouch for it: HTTP is then answered by TLS (1.2 or 1.3) alone. "
                    + "Read when the daemon starts; programs go on while it restarts.",
            orEmpty(Catalogue::path));
    static final Setting<Optional<Path>> HTTP_TLS_KEY = new Setting<>(
            "http.tls-key",
            "path",
            "",
            V1_0,
            "A PEM file with the key of `http.tls-certificate`, unencrypted PKCS#8 (`BEGIN PRIVATE KEY`).",
            orEmpty(Catalogue::path));
    static final Setting<Optional<Path>> HTTP_TLS_STORE = new Setting<>(
            "http.tls-store",
            "path",
            "",
            V1_0,
            "A PKCS#12 file with one key and its certificates, in place of the two PEM files.",
            orEmpty(Catalogue::path));
    static final Setting<Optional<Path>> HTTP_TLS_PASSWORD_FILE = new Setting<>(
            "http.tls-password-file",
            "path",
            "",
            V1_0,
            "A file whose first line is the password of `http.tls-store`. Unset: it has none.",
            orEmpty(Catalogue::path));
    static final Setting<Integer> HTTP_REQUESTS_PER_SECOND = new Setting<>(
            "http.requests-per-second",
            "number, from 0",
            "50",
            V1_0,
            "What another machine may ask of HTTP, in the long run; it may save up four seconds of it. More is answered 429. "
                    + "Addresses of IPv6 that share their first 64 bits are one machine. `0`: no bound. This machine has none.",
            text -> number(text, 0),
            Trait.RELOADED);
    static final Setting<Boolean> METRICS_SESSIONS = new Setting<>(
            "metrics.sessions",
            "`true` or `false`",
            "true",
            V1_0,
            "Whether `/metrics` has series for each session, as long as it lives: three, and three for each of its devices. "
                    + "`false`: sums alone, where many short sessions would fill a Prometheus.",
            Catalogue::truth,
            Trait.RELOADED);
    /** A relative path is one in the state directory. */
    static final Setting<Optional<Path>> AUDIT_FILE = new Setting<>(
            "audit.file",
            "path, or `off`",
            "",
            V1_0,
            "Where every decision and every step of a session is written, one JSON object a line. "
                    + "Unset: `audit.jsonl` in `state-dir`. `off`: nowhere.",
            text -> switch (text) {
                case "off" -> Optional.empty();
                case "" -> Optional.of(Path.of("audit.jsonl"));
                default -> Optional.of(Path.of(text).toAbsolutePath().normalize());
            });

    static final Setting<Long> AUDIT_MAX_SIZE = new Setting<>(
            "audit.max-size",
            "size, or `0`",
            "64MB",
            V1_0,
            "From this size on the audit file is renamed to `FILE.1`, in place of an earlier one, and begun anew. "
                    + "`0`: never; that is left to logrotate.",
            text -> text.equals("0") ? 0 : Sizes.parse(text),
            Trait.RELOADED);
    static final Setting<Settings.LogLevel> LOG_LEVEL = new Setting<>(
            "log.level",
            "`debug`, `info`, `warn` or `error`",
            "info",
            V1_0,
            "The least important messages that are still written.",
            text -> oneOf(Settings.LogLevel.class, text),
            Trait.RELOADED);
    static final Setting<Settings.LogFormat> LOG_FORMAT = new Setting<>(
            "log.format",
            "`auto`, `text` or `json`",
            "auto",
            V1_0,
            "One line a message for people, or one JSON object a message for machines. "
                    + "`auto`: text if standard error is a terminal, else JSON.",
            text -> oneOf(Settings.LogFormat.class, text));

    static final List<Setting<?>> ALL = List.of(
            SOCKET,
            TOKEN,
            HANDSHAKE_TIMEOUT,
            MAX_CONNECTIONS,
            ACCESS_USERS,
            ACCESS_GROUPS,
            ACCESS_ADMINS,
            SESSIONS_PER_USER,
            LIMIT_PER_USER,
            CONNECTIONS_PER_USER,
            STATE_DIRECTORY,
            MAX_SESSIONS,
            END_GRACE,
            KILL_GRACE,
            DEVICES,
            DEVICE_NODES,
            SNAPSHOT_EVERY,
            JOURNAL_ENGINE,
            HTTP_ADDRESS,
            HTTP_TOKEN,
            HTTP_TLS_CERTIFICATE,
            HTTP_TLS_KEY,
            HTTP_TLS_STORE,
            HTTP_TLS_PASSWORD_FILE,
            HTTP_REQUESTS_PER_SECOND,
            METRICS_SESSIONS,
            AUDIT_FILE,
            AUDIT_MAX_SIZE,
            LOG_LEVEL,
            LOG_FORMAT);

    private Catalogue() {}

    private static <T> Function<String, Optional<T>> orEmpty(Function<String, T> parser) {
        return text -> text.isEmpty() ? Optional.empty() : Optional.of(parser.apply(text));
    }

    private static Path path(String text) {
        return Path.of(text).toAbsolutePath().normalize();
    }

    private static List<String> names(String text) {
        if (text.isEmpty()) {
            return List.of();
        }
        List<String> names =
                Arrays.stream(text.split(",", -1)).map(String::strip).toList();
        if (names.stream().anyMatch(name -> name.isEmpty() || name.chars().anyMatch(Character::isWhitespace))) {
            throw new InvalidValueException(
                    "\"" + text + "\" is no list of names: write them, or their numbers, with commas between them");
        }
        return names;
    }

    private static String token(String text) {
        if (text.getBytes(StandardCharsets.UTF_8).length > 127) {
            throw new InvalidValueException(
                    "a token of " + text.length() + " characters is longer than the 127 bytes that fit");
        }
        return text;
    }

    // The message must not repeat it: messages are logged.
    private static String bearerToken(String text) {
        if (!text.matches("[!-~]{16,256}")) {
            throw new InvalidValueException("the token given, of " + text.length() + " characters, is not one of 16 to "
                    + "256 visible ASCII characters; `openssl rand -hex 24` makes one");
        }
        return text;
    }

    private static int number(String text, int atLeast) {
        try {
            int number = Integer.parseInt(text);
            if (number >= atLeast) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below, with the accepted range.
        }
        throw new InvalidValueException(
                "\"" + text + "\" is not a whole number from " + atLeast + " to " + Integer.MAX_VALUE);
    }

    private static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new InvalidValueException("\"" + text + "\" is neither true nor false");
        };
    }

    private static String glob(String text) {
        try {
            FileSystems.getDefault().getPathMatcher("glob:" + text);
            return text;
        } catch (PatternSyntaxException e) {
            throw new InvalidValueException("\"" + text + "\" is not a glob (" + e.getDescription()
                    + "): write a path in which * stands for any name and [0-9] for a digit");
        }
    }

    private static <E extends Enum<E>> E oneOf(Class<E> type, String text) {
        return Arrays.stream(type.getEnumConstants())
                .filter(constant -> constant.toString().equals(text))
                .findFirst()
                .orElseThrow(() -> new InvalidValueException("\"" + text + "\" is none of "
                        + Arrays.stream(type.getEnumConstants())
                                .map(Enum::toString)
                                .collect(Collectors.joining(", "))));
    }

    private static List<LimitSpec.Device> devices(String text) {
        if (text.isEmpty()) {
            return List.of();
        }
        List<LimitSpec.Device> devices = new ArrayList<>();
        for (String part : text.split(",", -1)) {
            int equals = part.indexOf('=');
            String uuid = equals < 0 ? part : part.substring(0, equals);
            if (equals < 0 || !uuid.matches("(GPU|MIG)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")) {
                throw new InvalidValueException(
                        "\"" + part + "\" is not a device: write GPU-01234567-89ab-cdef-0123-456789abcdef=24GB");
            }
            if (devices.stream().anyMatch(device -> device.uuid().equals(uuid))) {
                throw new InvalidValueException("device " + uuid + " is named twice");
            }
            devices.add(new LimitSpec.Device(
                    devices.size(), uuid, OptionalLong.of(Sizes.parse(part.substring(equals + 1)))));
        }
        return List.copyOf(devices);
    }
}
