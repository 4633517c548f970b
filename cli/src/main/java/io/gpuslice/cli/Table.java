// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Columns as wide as they must be, two blanks apart. A heading that starts with {@code >} puts its column to the right. */
final class Table {
    private final List<String> headings;
    private final List<Boolean> right;
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... headings) {
        this.headings = Arrays.stream(headings)
                .map(heading -> heading.startsWith(">") ? heading.substring(1) : heading)
                .toList();
        this.right =
                Arrays.stream(headings).map(heading -> heading.startsWith(">")).toList();
    }

    /** As many cells as there are headings; control characters, which a program may put into its name, are shown as '?'. */
    void row(String... cells) {
        rows.add(Arrays.stream(cells).map(Table::harmless).toList());
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    /** The rows without the headings. */
    String body() {
        return lines(rows);
    }

    /** Headings and rows. */
    @Override
    public String toString() {
        return heading() + "\n" + body();
    }

    /** As {@link #toString}, the headings bold if the terminal can. */
    String styled(boolean colour) {
        return colour ? "\033[1m" + heading() + "\033[0m\n" + body() : toString();
    }

    private String heading() {
        return lines(List.of(headings)).stripTrailing();
    }

    private String lines(List<List<String>> lines) {
        StringBuilder text = new StringBuilder();
        for (List<String> cells : lines) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < cells.size(); column++) {
                String padding = " ".repeat(width(column) - cells.get(column).length());
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

    private static String harmless(String cell) {
        return cell.codePoints().anyMatch(Character::isISOControl) ? cell.replaceAll("\\p{Cntrl}", "?") : cell;
    }
}
