// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static io.gpuslice.cli.SessionText.size;

import io.gpuslice.cli.Json;
import io.gpuslice.cli.SessionText;
import io.gpuslice.cli.Table;
import io.gpuslice.config.Sizes;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * What {@code gpuslice top} shows: lines made of what is known and of the screen's size, and of nothing else.
 *
 * @param colour whether escapes for colours may be in them; without them no line is longer than the screen is wide
 */
record TopScreen(int columns, int rows, Glyphs glyphs, boolean colour) {
    private static final String BOLD = "1";
    private static final String REVERSE = "7";
    private static final String GREEN = "32";
    private static final String YELLOW = "33";
    private static final String RED = "31";

    private static final double NEARLY_FULL = 0.8;
    private static final double FULL = 0.95;
    /** From here on there is room for everything. */
    private static final int WIDE = 110;
    /** Below it nothing can be shown that anybody could read. */
    private static final int LEAST_COLUMNS = 40;

    private static final int LEAST_ROWS = 6;
    private static final int LEAST_BAR = 4;

    private static final String KEYS = "q quit  ? keys  s sort  / filter  r resize  e end";

    private static final List<String> HELP = List.of(
            "up, down, j, k   choose a session",
            "g, G             the first, the last",
            "s                sort by: used, full, rate, denied, name",
            "/                filter by id, name, state or command; Esc shows all again",
            "r                resize: another limit for the chosen session",
            "e                end the chosen session: SIGTERM, and after 10 s SIGKILL",
            "q, Ctrl-C        quit",
            "",
            "FULL is of the GPU that has least left. HISTORY is a look each.");

    /** One of a session's. */
    private record Column(String heading, int width, boolean right, Function<Sample, String> cell) {}

    /** As many lines as the screen has, or fewer. */
    List<String> lines(TopModel model) {
        if (columns < LEAST_COLUMNS || rows < LEAST_ROWS) {
            return List.of(glyphs.fit("too small: " + columns + "x" + rows, columns));
        }
        List<String> lines = new ArrayList<>();
        lines.add(styled(BOLD, title(model)));
        if (model.mode() == TopModel.Mode.HELP) {
            lines.add("");
            HELP.forEach(line -> lines.add(glyphs.fit("  " + line, columns)));
            return fill(lines.subList(0, Math.min(lines.size(), rows - 1)), "any key goes back");
        }
        devices(model, lines);
        lines.add("");
        sessions(model, lines);
        return fill(lines, bottom(model));
    }

    private List<String> fill(List<String> lines, String last) {
        List<String> all = new ArrayList<>(lines);
        while (all.size() < rows - 1) {
            all.add("");
        }
        all.add(styled(REVERSE, pad(glyphs.fit(last, columns), columns, false)));
        return all;
    }

    private String title(TopModel model) {
        List<Sample> shown = model.shown();
        String left = "gpuslice top   " + count(model.total(), "session") + ", "
                + count(model.devices().size(), "GPU")
                + (model.filter().isEmpty()
                        ? ""
                        : "   " + shown.size() + " with \"" + Table.harmless(model.filter()) + "\"");
        String right = "by " + model.sort() + "   " + model.at().truncatedTo(ChronoUnit.SECONDS);
        int room = columns - right.length() - 1;
        return pad(glyphs.fit(left, room), room, false) + " " + right;
    }

    private static String count(int number, String of) {
        return number + " " + of + (number == 1 ? "" : "s");
    }

    private void devices(TopModel model, List<String> lines) {
        List<Json> devices = model.devices();
        int room = Math.max(1, rows / 4);
        int shown = devices.size() <= room ? devices.size() : room - 1;
        for (Json device : devices.subList(0, shown)) {
            lines.add(device(model, device));
        }
        if (shown < devices.size()) {
            lines.add(glyphs.fit("  and " + (devices.size() - shown) + " more: gpuslice devices", columns));
        }
    }

    private String device(TopModel model, Json device) {
        double share = TopModel.share(device);
        String index = device.number("index", -1) < 0 ? "-" : device.text("index", "-");
        int nameWidth = columns < WIDE ? 14 : 24;
        int curveWidth = columns < WIDE ? 10 : 20;
        String name = pad(
                "GPU " + pad(index, 2, false) + " "
                        + pad(glyphs.fit(Table.harmless(device.text("name", "")), nameWidth), nameWidth, false),
                nameWidth + 7,
                false);
        String numbers = pad(size(device, "used_bytes") + " / " + size(device, "total_bytes"), 21, true) + " "
                + pad(device.has("total_bytes") ? StatsText.percent(share) : "-", 8, true);
        int barWidth = columns - name.length() - numbers.length() - curveWidth - 6;
        if (barWidth < LEAST_BAR) {
            return glyphs.fit(name + " " + numbers, columns);
        }
        return name + " [" + shaded(share, glyphs.bar(share, barWidth)) + "] " + numbers + "  "
                + glyphs.curve(model.deviceHistory().of(device.text("uuid", "?")), curveWidth);
    }

    private void sessions(TopModel model, List<String> lines) {
        List<Column> columnsShown = columns(model);
        lines.add(styled(BOLD, glyphs.fit(heading(columnsShown), columns)));
        List<Sample> shown = model.shown();
        int room = rows - lines.size() - 1;
        if (shown.isEmpty()) {
            lines.add(glyphs.fit(
                    model.total() == 0
                            ? "  no sessions: gpuslice run --limit 8GB -- CMD opens one"
                            : "  none fits the filter: Esc shows all",
                    columns));
            return;
        }
        int chosen = model.chosenAt();
        int first = Math.clamp((long) chosen - room + 1, 0, Math.max(0, shown.size() - room));
        for (int at = first; at < Math.min(shown.size(), first + room); at++) {
            lines.add(row(columnsShown, shown.get(at), at == chosen));
        }
    }

    private List<Column> columns(TopModel model) {
        boolean wide = columns >= WIDE;
        List<Column> all = new ArrayList<>();
        all.add(new Column("SESSION", wide ? 24 : 16, false, Sample::label));
        all.add(new Column("USED", 9, true, sample -> Sizes.format(Math.max(0, sample.used()))));
        all.add(new Column("LIMIT", wide ? 14 : 12, true, sample -> SessionText.limit(sample.session())));
        all.add(new Column("FULL", 8, true, sample -> StatsText.percent(sample.fullness())));
        all.add(new Column("", wide ? 16 : 8, false, sample -> glyphs.bar(sample.fullness(), wide ? 16 : 8)));
        if (wide) {
            all.add(new Column("CREDIT", 9, true, sample -> size(sample.session(), "credit_bytes")));
        }
        all.add(new Column(
                "PROCS",
                5,
                true,
                sample -> Integer.toString(sample.session().objects("processes").size())));
        if (wide) {
            all.add(new Column("ALLOC/S", 8, true, sample -> StatsText.rate(sample.allocationsPerSecond())));
        }
        all.add(new Column(
                "DENIED", 6, true, sample -> sample.session().object("counters").text("denials", "-")));
        while (left(all) < 0) {
            all.removeLast();
        }
        int left = left(all) - 1;
        if (left > 0) {
            all.add(new Column(
                    "HISTORY",
                    left,
                    false,
                    sample -> glyphs.curve(model.sessionHistory().of(sample.id()), left)));
        }
        return all;
    }

    /** Places beside the mark of the chosen one and these. */
    private int left(List<Column> all) {
        return columns - 1 - all.stream().mapToInt(column -> column.width() + 1).sum();
    }

    private String heading(List<Column> all) {
        StringBuilder line = new StringBuilder(" ");
        all.forEach(column -> line.append(' ')
                .append(pad(glyphs.fit(column.heading(), column.width()), column.width(), column.right())));
        return line.toString();
    }

    private String row(List<Column> all, Sample sample, boolean chosen) {
        StringBuilder line = new StringBuilder(chosen ? ">" : " ");
        for (Column column : all) {
            String cell = pad(
                    glyphs.fit(Table.harmless(column.cell().apply(sample)), column.width()),
                    column.width(),
                    column.right());
            line.append(' ').append(column.heading().isEmpty() ? shaded(sample.fullness(), cell) : cell);
        }
        return chosen ? styled(BOLD, line.toString()) : line.toString();
    }

    private String bottom(TopModel model) {
        String about = model.chosen().map(Sample::label).map(Table::harmless).orElse("");
        return switch (model.mode()) {
            case LIST, HELP -> model.message().isEmpty() ? KEYS : Table.harmless(model.message());
            case FILTER -> "filter: " + model.typed() + "_   Enter keeps it, Esc shows all";
            case RESIZE -> "limit of " + about + ": " + model.typed() + "_   Enter sets it, Esc leaves it";
            case END -> "end " + about + " and its processes? y ends them, any other key does not";
        };
    }

    private String shaded(double share, String text) {
        return styled(share >= FULL ? RED : share >= NEARLY_FULL ? YELLOW : GREEN, text);
    }

    /** Only what is asked for is turned off again: it may stand inside of something bold. */
    private String styled(String code, String text) {
        String off = switch (code) {
            case BOLD -> "22";
            case REVERSE -> "27";
            default -> "39";
        };
        return colour ? "\033[" + code + "m" + text + "\033[" + off + "m" : text;
    }

    private static String pad(String text, int width, boolean right) {
        String padding = " ".repeat(Math.max(0, width - text.length()));
        return right ? padding + text : text + padding;
    }
}
