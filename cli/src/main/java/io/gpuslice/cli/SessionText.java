// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Durations;
import io.gpuslice.config.Sizes;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** Sessions for people. */
public final class SessionText {
    /** Stands before every other state: of the numbers beside it none can be relied on. */
    private static final String UNENFORCED = "UNENFORCED";

    private static final String ABOUT_REMAINDERS = """
        Lingering memory was held by a process that is dead or has become another program: it counts until whoever else of
        the session has that device open has ended.
        Imported memory was exported by a process that is gone or has freed it: it counts for one that still uses it.
        """;

    private static final String ABOUT_UNENFORCED = """
        What these take of the GPU is in no number here, and nothing keeps it within the limit. End them; started with
        LD_PRELOAD as gpuslice sets it, without privileges of their own and linked dynamically, they are limited.
        """;

    private SessionText() {}

    /** A line a session. */
    static Table table(List<Json> sessions) {
        Table table = new Table("ID", "NAME", "STATE", ">LIMIT", ">USED", ">CREDIT", ">PROCS", ">TTL", "COMMAND");
        for (Json session : sessions) {
            table.row(
                    session.text("id", "?"),
                    session.text("name", "").isEmpty() ? "-" : session.text("name", ""),
                    session.objects("unenforced").isEmpty() ? session.text("state", "?") : UNENFORCED,
                    limit(session),
                    size(session, "used_bytes"),
                    size(session, "credit_bytes"),
                    Integer.toString(session.objects("processes").size()),
                    ttl(session),
                    command(session));
        }
        return table;
    }

    /** All about one, in sections. */
    static String sections(Json session) {
        Table head = new Table("", "");
        head.row("session", session.text("id", "?"));
        head.row("name", session.text("name", "").isEmpty() ? "-" : session.text("name", ""));
        head.row("state", session.text("state", "?") + flags(session));
        head.row("owner", "uid " + session.text("uid", "?"));
        head.row("created", session.text("created_at", "?"));
        head.row("ttl left", ttl(session));
        head.row("limit", limit(session));
        head.row("used", size(session, "used_bytes"));
        head.row("credit", size(session, "credit_bytes"));
        StringBuilder text = new StringBuilder(head.body());

        Table devices = new Table("DEVICE", "UUID", ">LIMIT", ">USED", ">CREDIT");
        for (Json device : session.objects("devices")) {
            devices.row(
                    device.text("index", "-"),
                    device.text("uuid", "?"),
                    size(device, "limit_bytes"),
                    size(device, "used_bytes"),
                    size(device, "credit_bytes"));
        }

        Table processes = new Table(">PID", ">UID", ">USED", ">CHARGE", "PAGE", "SINCE", "COMMAND");
        for (Json process : session.objects("processes")) {
            processes.row(
                    process.text("pid", "?"),
                    process.text("uid", "?"),
                    size(process, "used_bytes"),
                    size(process, "charge_bytes"),
                    process.text("page", "?"),
                    process.text("since", "?"),
                    process.text("command", "?"));
        }
        if (processes.isEmpty()) {
            text.append("\nno process holds memory now\n");
        }
        section(text, devices);
        section(text, processes);
        section(text, shares(session));
        section(text, remainders(session), ABOUT_REMAINDERS);
        section(text, unenforced(session), ABOUT_UNENFORCED);
        section(text, refusals(session));

        List<String> counters = new ArrayList<>();
        if (session.number("reclaimed_bytes", 0) > 0) {
            counters.add("reclaimed " + size(session, "reclaimed_bytes"));
        }
        session.object("counters").members().forEach((name, count) -> counters.add(name + " " + count));
        if (!counters.isEmpty()) {
            text.append('\n').append(String.join(", ", counters)).append('\n');
        }
        return text.toString();
    }

    /** What each process holds on which device; empty where none sees more than one, and its line says it already. */
    private static Table shares(Json session) {
        Table table = new Table(">PID", "DEVICE", ">USED", ">CHARGE");
        if (session.objects("processes").stream()
                .noneMatch(process -> process.objects("devices").size() > 1)) {
            return table;
        }
        for (Json process : session.objects("processes")) {
            for (Json device : process.objects("devices")) {
                if (device.number("used_bytes", 0) == 0 && device.number("charge_bytes", 0) == 0) {
                    continue;
                }
                table.row(
                        process.text("pid", "?"),
                        device(device),
                        size(device, "used_bytes"),
                        size(device, "charge_bytes"));
            }
        }
        return table;
    }

    /** What no member holds, and counts as used all the same. */
    private static Table remainders(Json session) {
        Table table = new Table("ALSO USED", ">PID", "DEVICE", ">USED");
        for (Json remainder : session.objects("remainders")) {
            table.row(
                    remainder.text("reason", "?").toLowerCase(Locale.ROOT),
                    remainder.text("pid", "?"),
                    device(session, remainder),
                    size(remainder, "bytes"));
        }
        return table;
    }

    /** Processes that the limit does not reach. */
    private static Table unenforced(Json session) {
        Table table = new Table(">PID", "UNENFORCED BECAUSE", "COMMAND");
        for (Json process : session.objects("unenforced")) {
            table.row(process.text("pid", "?"), process.text("why", "?"), process.text("command", "?"));
        }
        return table;
    }

    /** The last ones, the newest first. */
    private static Table refusals(Json session) {
        Table table = new Table("REFUSED", ">PID", "DEVICE", ">ASKED", ">USED", ">LIMIT", "WHY");
        for (Json refusal : session.objects("refusals")) {
            table.row(
                    refusal.text("at", "?"),
                    refusal.text("pid", "?"),
                    device(session, refusal),
                    size(refusal, "asked_bytes"),
                    size(refusal, "used_bytes"),
                    size(refusal, "limit_bytes"),
                    refusal.text("error_code", "?"));
        }
        return table;
    }

    /** The one whose UUID {@code of} names. */
    private static String device(Json session, Json of) {
        return session.objects("devices").stream()
                .filter(device -> device.text("uuid", "?").equals(of.text("device", "")))
                .findFirst()
                .map(SessionText::device)
                .orElse(of.text("device", "?"));
    }

    /** By its index, or by its UUID where it has none here. */
    public static String device(Json device) {
        return device.has("index") && device.number("index", -1) >= 0
                ? device.text("index", "?")
                : device.text("uuid", "?");
    }

    private static void section(StringBuilder text, Table table) {
        section(text, table, "");
    }

    /** @param about said below it */
    private static void section(StringBuilder text, Table table, String about) {
        if (!table.isEmpty()) {
            text.append('\n').append(table).append(about);
        }
    }

    private static String flags(Json session) {
        return (session.is("strict") ? ", strict" : "")
                + (session.is("keep") ? ", kept" : "")
                + (session.objects("unenforced").isEmpty() ? "" : ", " + UNENFORCED);
    }

    /** A dash where the daemon does not say. */
    public static String size(Json of, String name) {
        return of.has(name) ? Sizes.format(Math.max(0, of.number(name, 0))) : "-";
    }

    /**
     * A limit is meant for each device: where all have the same, that is what people look for, and where not, what was
     * typed; their sum is the limit of nothing.
     */
    public static String limit(Json session) {
        List<Json> devices = session.objects("devices");
        long different = devices.stream()
                .map(device -> size(device, "limit_bytes"))
                .distinct()
                .count();
        if (different > 1 && session.has("limit")) {
            return session.text("limit", "");
        }
        return different == 1 && devices.size() > 1
                ? devices.size() + " × " + size(devices.getFirst(), "limit_bytes")
                : size(session, "limit_bytes");
    }

    /** As it was typed, or would be. */
    public static String limitTyped(Json session) {
        return session.text("limit", "");
    }

    private static String ttl(Json session) {
        return session.has("ttl_left_seconds")
                ? Durations.format(Duration.ofSeconds(session.number("ttl_left_seconds", 0)))
                : "-";
    }

    // The leader is known from the start, to the daemon its command line from its first use of a GPU.
    public static String command(Json session) {
        Json leader = session.object("leader");
        if (leader.has("command")) {
            return leader.text("command", "");
        }
        List<Json> processes = session.objects("processes");
        if (!processes.isEmpty()) {
            return processes.getFirst().text("command", "-");
        }
        return leader.has("pid")
                ? commandLine((int) leader.number("pid", 0), session.text("created_at", ""))
                        .orElse("(pid " + leader.text("pid", "?") + ")")
                : "-";
    }

    /** As /proc has it; empty where it cannot be read, and where the pid is by now another process's. */
    private static Optional<String> commandLine(int pid, String sessionCreated) {
        try {
            // A leader is there before its session.
            Instant latest = Instant.parse(sessionCreated).plusSeconds(1);
            boolean same = ProcessHandle.of(pid)
                    .flatMap(process -> process.info().startInstant())
                    .filter(latest::isAfter)
                    .isPresent();
            List<byte[]> words = same ? Procfs.cmdline(pid) : List.of();
            return Optional.of(words.stream()
                            .map(word -> new String(word, StandardCharsets.UTF_8))
                            .collect(Collectors.joining(" ")))
                    .filter(line -> !line.isEmpty());
        } catch (DateTimeParseException | IOException e) {
            return Optional.empty();
        }
    }
}
