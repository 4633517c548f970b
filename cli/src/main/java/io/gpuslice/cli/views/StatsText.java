// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static io.gpuslice.cli.SessionText.size;

import io.gpuslice.cli.Json;
import io.gpuslice.cli.SessionText;
import io.gpuslice.cli.Table;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Samples for people and for programs. */
final class StatsText {
    private static final double PERCENT = 100;
    /** Places that a line with everything takes, and a short name. */
    private static final int ALL_COLUMNS = 100;
    /** The start of an id, which means it wherever ids are taken. */
    private static final int SHORT_ID = 12;

    private StatsText() {}

    /**
     * A line a session.
     *
     * @param columns of the terminal; a narrow one gets less of each. Empty: as many as it takes
     */
    static Table table(List<Sample> samples, OptionalInt columns) {
        boolean wide = columns.orElse(ALL_COLUMNS) >= ALL_COLUMNS;
        Table table = wide
                ? new Table(
                        "ID",
                        ">USED",
                        ">LIMIT",
                        ">USED %",
                        ">CREDIT",
                        ">PROCS",
                        ">ALLOC/S",
                        ">FREE/S",
                        ">DENIED",
                        "NAME")
                : new Table("ID", ">USED", ">LIMIT", ">USED %", ">PROCS", ">ALLOC/S", ">DENIED", "NAME");
        for (Sample sample : samples) {
            Json session = sample.session();
            List<String> cells = new ArrayList<>(List.of(
                    wide
                            ? sample.id()
                            : sample.id()
                                    .substring(0, Math.min(SHORT_ID, sample.id().length())),
                    size(session, "used_bytes"),
                    SessionText.limit(session),
                    percent(sample.fullness())));
            if (wide) {
                cells.add(size(session, "credit_bytes"));
            }
            cells.add(Integer.toString(session.objects("processes").size()));
            cells.add(rate(sample.allocationsPerSecond()));
            if (wide) {
                cells.add(rate(sample.freesPerSecond()));
            }
            cells.add(session.object("counters").text("denials", "-"));
            cells.add(session.text("name", "").isEmpty() ? "-" : session.text("name", ""));
            table.row(cells.toArray(String[]::new));
        }
        return table;
    }

    /** One object, on one line. */
    static String json(Sample sample, Instant at) {
        Json session = sample.session();
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("time", at.toString());
        json.put("id", sample.id());
        json.put("name", session.text("name", ""));
        json.put("state", session.text("state", "?"));
        json.put("used_bytes", sample.used());
        json.put("limit_bytes", session.number("limit_bytes", 0));
        json.put("credit_bytes", session.number("credit_bytes", 0));
        json.put("used_percent", Math.round(sample.fullness() * PERCENT * PERCENT) / PERCENT);
        json.put("processes", session.objects("processes").size());
        json.put("allocations", session.object("counters").number("allocations", 0));
        json.put("frees", session.object("counters").number("frees", 0));
        json.put("denials", session.object("counters").number("denials", 0));
        json.put("allocations_per_second", number(sample.allocationsPerSecond()));
        json.put("frees_per_second", number(sample.freesPerSecond()));
        json.put("devices", session.members().get("devices"));
        return new Json(json).compact();
    }

    static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", share * PERCENT);
    }

    static String rate(OptionalDouble perSecond) {
        return perSecond.isEmpty() ? "-" : String.format(Locale.ROOT, "%,d", Math.round(perSecond.getAsDouble()));
    }

    private static @Nullable Double number(OptionalDouble value) {
        return value.isEmpty() ? null : Math.round(value.getAsDouble() * PERCENT) / PERCENT;
    }
}
