// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** As much of Markdown as the problems' pages are written in: headings, paragraphs, tables, code, links. */
final class Markdown {
    private Markdown() {}

    private static final Pattern BLANK_LINES = Pattern.compile("\\n\\s*\\n");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern LINK = Pattern.compile("\\[([^\\]]+)]\\(([^)]+)\\)");
    private static final Pattern BETWEEN_CELLS = Pattern.compile("(?<!\\\\)\\|");

    /** What stands in the body of a page. */
    static String html(String markdown) {
        return BLANK_LINES.splitAsStream(markdown.strip()).map(Markdown::block).collect(Collectors.joining("\n"));
    }

    private static String block(String block) {
        if (block.startsWith("#")) {
            int level = block.indexOf(' ');
            return "<h%d>%s</h%d>".formatted(level, inline(block.substring(level + 1)), level);
        }
        if (block.startsWith("|")) {
            return table(block.lines().toList());
        }
        if (block.startsWith("* ")) {
            return block.lines()
                    .map(line -> "<li>" + inline(line.substring(2)) + "</li>")
                    .collect(Collectors.joining("\n", "<ul>\n", "\n</ul>"));
        }
        return "<p>" + inline(block) + "</p>";
    }

    /** @param lines the heads of the columns, a line between, and the rows */
    private static String table(List<String> lines) {
        List<String> rows = new ArrayList<>();
        rows.add(row("th scope=\"col\"", "th", lines.getFirst()));
        lines.stream().skip(2).map(line -> row("td", "td", line)).forEach(rows::add);
        return "<table>\n" + String.join("\n", rows) + "\n</table>";
    }

    private static String row(String open, String close, String line) {
        String[] cells = BETWEEN_CELLS.split(line);
        // Nothing stands before the first bar.
        return Arrays.stream(cells)
                .skip(1)
                .map(cell -> "<%s>%s</%s>".formatted(open, inline(cell.strip().replace("\\|", "|")), close))
                .collect(Collectors.joining("", "<tr>", "</tr>"));
    }

    private static String inline(String text) {
        String safe = text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("&lt;br&gt;", "<br>");
        String code = CODE.matcher(safe).replaceAll("<code>$1</code>");
        return LINK.matcher(code)
                .replaceAll(link -> link.group(2).startsWith("/")
                        ? "<a href=\"" + link.group(2) + "\">" + link.group(1) + "</a>"
                        // Another page of the documentation, which is not served.
                        : "<cite>" + link.group(1) + "</cite>");
    }
}
