// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static io.gpuslice.cli.SessionText.size;

import io.gpuslice.cli.Json;
import io.gpuslice.cli.Table;
import java.util.Locale;

/** Events for people: a line each, as they come, so that nobody knows yet how wide a column must be. */
final class EventText {
    /** Of RFC 3339 in UTC, with milliseconds: more is for programs. */
    private static final int TO_MILLISECONDS = "2026-11-22T12:00:00.000".length();

    private EventText() {}

    static String line(Json event) {
        StringBuilder line = new StringBuilder(String.format(
                Locale.ROOT,
                "%-24s %-16s %-10s %-7s",
                time(event.text("time", "?")),
                event.text("session_id", "-"),
                event.text("operation", "?"),
                event.text("result", "?")));
        add(line, event, "pid", "pid ");
        if (event.has("bytes")) {
            line.append("  ").append(size(event, "bytes"));
        }
        add(line, event, "device", "");
        add(line, event, "error_code", "");
        add(line, event, "detail", "");
        return Table.harmless(line.toString().stripTrailing());
    }

    private static void add(StringBuilder line, Json event, String name, String before) {
        if (event.has(name)) {
            line.append("  ").append(before).append(event.text(name, ""));
        }
    }

    private static String time(String text) {
        return text.length() > TO_MILLISECONDS ? text.substring(0, TO_MILLISECONDS) + "Z" : text;
    }
}
