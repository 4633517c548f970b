// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Columns as wide as they must be, two blanks apart. A heading that starts with {@code >} puts its column to the right. */
public final class Table {
    private static final int LEAST = 8;

    private final List<String> headings;
    private final List<Boolean> right;
    private final List<List<String>> rows = new ArrayList<>();

    /** Of these columns. */
    public Table(String... headings) {
        this(
                Arrays.stream(headings)
                        .map(heading -> heading.startsWith(">") ? heading.substring(1) : heading)
                        .toList(),
                Arrays.stream(headings).map(heading -> heading.startsWith(">")).toList());
    }

    private Table(List<String> headings, List<Boolean> right) {
        this.headings = headings;
        this.right = right;
    }

    /** As many cells as there are headings; control characters, which a program may put into its name, are shown as '?'. */
    public void row(String... cells) {
        rows.add(Arrays.stream(cells).map(Table::harmless).toList());
    }

    /**
     * The same, no line longer than that: of its last column the ends are cut off, an ellipsis in their place.
     *
     * @param columns characters; where that leaves too little for the last column, it keeps {@value #LEAST} all the same
     */
    public Table within(int columns) {
        int last = headings.size() - 1;
        int others = IntStream.range(0, last).map(column -> width(column) + 2).sum();
        int room = Math.max(LEAST, columns - others);
        Table cut = new Table(headings, right);
        for (List<String> row : rows) {
            List<String> cells = new ArrayList<>(row);
            String cell = cells.get(last);
            cells.set(last, cell.length() > room ? cell.substring(0, room - 1) + "…" : cell);
            cut.rows.add(cells);
        }
        return cut;
    }

    /** Whether it has no rows. */
    public boolean isEmpty() {
        return rows.isEmpty();
    }

    /** The rows without the headings. */
    public String body() {
        return lines(rows);
    }

    /** Headings and rows. */
    @Override
    public String toString() {
        return heading() + "\n" + body();
    }

    /** As {@link #toString}, the headings bold if the terminal can. */
    public String styled(boolean colour) {
        return colour ? "\033[1m" + heading() + "\033[0m\n" + body() : toString();
    }

    private String heading() {
        return lines(List.of(headings)).stripTrailing();
    }

    private String lines(List<List<String>> lines) {
        int[] widths = IntStream.range(0, headings.size()).map(this::width).toArray();
        StringBuilder text = new StringBuilder();
        for (List<String> cells : lines) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < cells.size(); column++) {
                String padding = " ".repeat(widths[column] - cells.get(column).length());
                line.append(column == 0 ? "" : "  ")
                        .append(right.get(column) ? padding + cells.get(column) : cells.get(column) + padding);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    private int width(int column) {
        return rows.stream()
                .mapToInt(row -> row.get(column).length())
                .reduce(headings.get(column).length(), Math::max);
    }

    /** What a program said of itself, without what a terminal would obey. */
    public static String harmless(String cell) {
        return cell.codePoints().anyMatch(Character::isISOControl) ? cell.replaceAll("\\p{Cntrl}", "?") : cell;
    }
}
