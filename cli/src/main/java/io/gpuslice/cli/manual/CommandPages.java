// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.manual;

import io.gpuslice.cli.completion.Text;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** gpuslice(1), and a page for each verb. */
public final class CommandPages {
    private final CommandSpec gpuslice;
    private final String source;
    private final Predicate<String> becomesProgram;

    /**
     * Of a command line.
     *
     * @param source name and version
     * @param becomesProgram of the name of a verb, whether its exit code is another program's
     */
    public CommandPages(CommandSpec gpuslice, String source, Predicate<String> becomesProgram) {
        this.gpuslice = gpuslice;
        this.source = source;
        this.becomesProgram = becomesProgram;
    }

    /** All of them. */
    public List<Page> all() {
        return Stream.concat(
                        Stream.of(overview()),
                        gpuslice.subcommands().values().stream()
                                .map(CommandLine::getCommandSpec)
                                .map(this::verb))
                .toList();
    }

    private Page overview() {
        UsageMessageSpec usage = gpuslice.usageMessage();
        Page page = new Page("gpuslice", 1, source, Text.plain(usage.header()))
                .section("SYNOPSIS")
                .synopsis("gpuslice [OPTION…] VERB …")
                .section("DESCRIPTION");
        prose(page, usage.description());
        page.section("VERBS");
        gpuslice.subcommands()
                .forEach((name, verb) -> page.item(
                        "`" + name + "`",
                        Text.plain(verb.getCommandSpec().usageMessage().header()) + " See gpuslice-" + name + "(1)."));
        options(page, gpuslice);
        page.section("ENVIRONMENT")
                .item(
                        "GPUSLICE_IPC_SOCK",
                        "The daemon's socket; unset, the machine's if a daemon answers there, else the user's own.")
                .item("GPUSLICE_IPC_TOKEN", "The operator's token, where the daemon has one.")
                .item("GPUSLICE_SESSION", "Inside a session, its id.")
                .item("GPUSLICE_JAVA_HOME", "The Java to run on, before the one found at build time.")
                .item("NO_COLOR", "No colour, also on a terminal.");
        return page.seeAlso(Stream.concat(
                        gpuslice.subcommands().keySet().stream().map(name -> "gpuslice-" + name + "(1)"),
                        Stream.of("gpuslice.conf(5)", "gpusliced(8)"))
                .toList());
    }

    private Page verb(CommandSpec verb) {
        UsageMessageSpec usage = verb.usageMessage();
        Page page = new Page("gpuslice-" + verb.name(), 1, source, Text.plain(usage.header()))
                .section("SYNOPSIS")
                .synopsis(synopsis(verb))
                .section("DESCRIPTION");
        prose(page, usage.header());
        prose(page, usage.description());
        options(page, verb);
        prose(page, usage.footer());
        page.section("EXIT STATUS");
        if (becomesProgram.test(verb.name())) {
            page.paragraph("That of the program; or, if it was not started:")
                    .item(
                            "125",
                            "gpuslice failed: what was typed makes no sense, no daemon could be reached, or the program cannot be limited.")
                    .item("126", "The program was found and cannot be executed.")
                    .item("127", "The program was not found.");
        } else {
            page.item("0", "Done.")
                    .item("1", "Not done, or not all of it.")
                    .item("2", "What was typed makes no sense.");
        }
        return page.seeAlso(List.of("gpuslice(1)", "gpuslice.conf(5)", "gpusliced(8)"));
    }

    private static String synopsis(CommandSpec verb) {
        String[] own = verb.usageMessage().customSynopsis();
        if (own.length > 0) {
            return Text.plain(own);
        }
        StringBuilder line = new StringBuilder("gpuslice " + verb.name() + " [OPTION…]");
        for (PositionalParamSpec operand : verb.positionalParameters()) {
            String label = operand.paramLabel() + (operand.isMultiValue() ? "…" : "");
            line.append(' ').append(operand.required() ? label : "[" + label + "]");
        }
        return line.toString();
    }

    private static void options(Page page, CommandSpec spec) {
        page.section("OPTIONS");
        for (PositionalParamSpec operand : spec.positionalParameters()) {
            page.item(operand.paramLabel(), Text.plain(operand.description()));
        }
        for (OptionSpec option : spec.options()) {
            if (!option.hidden()) {
                String value = option.arity().max() == 0 ? "" : " " + option.paramLabel();
                page.item(String.join(", ", Arrays.asList(option.names())) + value, Text.plain(option.description()));
            }
        }
    }

    /** Lines of help: what a blank line parts are paragraphs, what is indented or begins with our name is typed, and a colon ends a heading. */
    private static void prose(Page page, String... lines) {
        List<String> paragraph = new ArrayList<>();
        List<String> example = new ArrayList<>();
        for (String line : lines) {
            String plain = Text.plain(line);
            boolean typed = line.startsWith("  ") || plain.startsWith("gpuslice ");
            if (typed || plain.isEmpty() || plain.matches("Examples?:")) {
                flush(page, paragraph);
            }
            if (!typed && !example.isEmpty()) {
                page.example(List.copyOf(example));
                example.clear();
            }
            if (typed) {
                example.add(plain);
            } else if (plain.matches("Examples?:")) {
                page.section("EXAMPLES");
            } else if (!plain.isEmpty()) {
                paragraph.add(plain);
            }
        }
        flush(page, paragraph);
        if (!example.isEmpty()) {
            page.example(example);
        }
    }

    private static void flush(Page page, List<String> paragraph) {
        if (!paragraph.isEmpty()) {
            page.paragraph(String.join(" ", paragraph));
            paragraph.clear();
        }
    }
}
