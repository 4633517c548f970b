// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.manual;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A manual page in the making, in the macros of man(7). Texts are plain; what stands in {@code `…`} is what people type. */
public final class Page {
    private static final Pattern TYPED = Pattern.compile("`([^`]+)`");
    private static final Pattern SYNTAX =
            Pattern.compile("`([^`]+)`|(?<![\\w-])(--?[a-z][\\w-]*)|\\b(?:[A-Z]{2,}|N)\\b");

    private final String name;
    private final int section;
    private final StringBuilder roff = new StringBuilder();

    /**
     * Begins one.
     *
     * @param section of the manual
     * @param source what the page belongs to, with its version
     * @param summary a few words, for whatis(1)
     */
    public Page(String name, int section, String source, String summary) {
        this.name = name;
        this.section = section;
        // No date: a build of the same sources makes the same page.
        request("TH", quoted(name.toUpperCase(Locale.ROOT)), String.valueOf(section), "\"\"", quoted(source));
        section("NAME");
        line(escaped(name) + " \\- " + escaped(withoutFullStop(summary)));
    }

    /** Such as {@code man1/gpuslice-run.1}. */
    public String file() {
        return "man" + section + "/" + name + "." + section;
    }

    Page section(String heading) {
        request("SH", quoted(heading));
        return this;
    }

    Page paragraph(String text) {
        request("PP");
        line(text(text));
        return this;
    }

    /** A line of what may be typed: options bold, what stands for something else slanted. */
    Page synopsis(String line) {
        request("PP");
        line(marked(line));
        return this;
    }

    /** Something and, indented, what it is. */
    Page item(String what, String text) {
        request("TP");
        line(marked(what));
        line(text(text));
        return this;
    }

    /** Another paragraph of the same item. */
    Page more(String text) {
        request("IP");
        line(text(text));
        return this;
    }

    /** Lines as they are. */
    Page example(List<String> lines) {
        request("PP");
        request("RS", "4");
        request("EX");
        lines.forEach(line -> line(escaped(line)));
        request("EE");
        request("RE");
        return this;
    }

    /** Other pages, such as {@code gpusliced(8)}. */
    Page seeAlso(List<String> pages) {
        section("SEE ALSO");
        for (int i = 0; i < pages.size(); i++) {
            String page = pages.get(i);
            int section = page.indexOf('(');
            request(
                    "BR",
                    escaped(page.substring(0, section)),
                    page.substring(section) + (i + 1 < pages.size() ? "," : ""));
        }
        return this;
    }

    @Override
    public String toString() {
        return ".\\\" Made from the command line's own help. Do not edit.\n" + roff;
    }

    private void request(String macro, String... arguments) {
        roff.append('.').append(macro);
        for (String argument : arguments) {
            roff.append(' ').append(argument);
        }
        roff.append('\n');
    }

    /** One that begins with a control character would be a request. */
    private void line(String escaped) {
        roff.append(escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" : "")
                .append(escaped)
                .append('\n');
    }

    private static String text(String text) {
        return replaced(TYPED, text, match -> "\\fB" + escaped(match.group(1)) + "\\fP");
    }

    private static String marked(String text) {
        return replaced(SYNTAX, text, match -> {
            boolean typed = match.group(1) != null || match.group(2) != null;
            return (typed ? "\\fB" : "\\fI") + escaped(match.group(1) != null ? match.group(1) : match.group())
                    + "\\fP";
        });
    }

    /** What matches, as the function has it; what is in between, escaped. */
    private static String replaced(Pattern pattern, String text, Function<Matcher, String> with) {
        StringBuilder result = new StringBuilder();
        Matcher matcher = pattern.matcher(text);
        int end = 0;
        while (matcher.find()) {
            result.append(escaped(text.substring(end, matcher.start()))).append(with.apply(matcher));
            end = matcher.end();
        }
        return result.append(escaped(text.substring(end))).toString();
    }

    /** Nothing in it means anything to roff; and it is ASCII, which every output of it has. */
    private static String escaped(String text) {
        StringBuilder escaped = new StringBuilder();
        text.codePoints()
                .forEach(c -> escaped.append(
                        switch (c) {
                            case '\\' -> "\\e";
                            case '-' -> "\\-";
                            case '\'' -> "\\(aq";
                            case '`' -> "\\(ga";
                            case '^' -> "\\(ha";
                            case '~' -> "\\(ti";
                            case '…' -> "...";
                            case '→' -> "\\(->";
                            case '–' -> "\\(en";
                            case '×' -> "\\(mu";
                            default -> c < 128 ? Character.toString(c) : "\\[u%04X]".formatted(c);
                        }));
        return escaped.toString();
    }

    private static String quoted(String text) {
        return "\"" + escaped(text) + "\"";
    }

    private static String withoutFullStop(String text) {
        String plain = text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
        return plain.isEmpty() ? plain : Character.toLowerCase(plain.charAt(0)) + plain.substring(1);
    }
}
