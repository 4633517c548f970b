// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;

/** Completion for fish 3 and newer. */
final class FishScript {
    private static final String FRAME = """
            # fish completion for gpuslice, made by `gpuslice completion fish`.
            # Into this shell: gpuslice completion fish | source

            # What has been typed so far, in the words of __gpuslice_verb and __gpuslice_operands: `gpuslice --host X rm -f a b`
            # is of the verb `rm`, and has the operands `a b`.
            function __gpuslice_typed
                set -l words (commandline -opc)
                set -l verb ''
                set -l takes_value $argv
                while set -q words[2]
                    set -e words[1]
                    if contains -- $words[1] $takes_value
                        set -e words[1]
                    else if not string match -q -- '-*' $words[1]
                        echo $words[1]
                    end
                end
            end

            # Whether argv[1] is the verb ('' while there is none), and argv[2] to argv[3] words are there by now, the verb included.
            function __gpuslice_at
                set -l typed (__gpuslice_typed @VALUED@)
                set -l count (count $typed)
                set -q typed[1]; or set typed ''
                test "$typed[1]" = "$argv[1]" -a $count -ge $argv[2] -a $count -le $argv[3]
            end

            # The command line of the program behind argv[1] other words.
            function __gpuslice_program
                set -l words (commandline -opc) (commandline -ct)
                set -l left $argv[1]
                set -e words[1]
                while test $left -gt 0; and set -q words[2]
                    if contains -- $words[1] @VALUED@
                        set -e words[1]
                    else if not string match -q -- '-*' $words[1]
                        set left (math $left - 1)
                    end
                    set -e words[1]
                end
                while set -q words[2]; and string match -q -- '-*' $words[1]
                    contains -- $words[1] @VALUED@; and set -e words[1]
                    set -e words[1]
                end
                complete --do-complete="$words"
            end

            complete -c gpuslice -f
            @LINES@
            """;

    /** More words than anybody types. */
    private static final int MANY = 9999;

    private FishScript() {}

    static String of(CommandSpec gpuslice) {
        List<Words> verbs = Words.ofVerbs(gpuslice);
        List<String> lines = new ArrayList<>(options(Words.of(gpuslice)));
        verbs.forEach(verb -> lines.add(at("", 0, 0) + " -a " + verb.name() + " -d " + quoted(verb.header())));
        for (Words verb : verbs) {
            lines.addAll(options(verb));
            for (int i = 0; i < verb.operands().size(); i++) {
                lines.add(operand(verb, verb.operands().get(i), i + 1));
            }
        }
        String valued = verbs.stream()
                .flatMap(verb -> verb.options().stream())
                .filter(option -> !option.isFlag())
                .flatMap(option -> option.names().stream())
                .distinct()
                .sorted()
                .collect(Collectors.joining(" "));
        return FRAME.replace("@VALUED@", valued).replace("@LINES@", String.join("\n", lines));
    }

    /** What holds while so many words are there, the verb included. */
    private static String at(String verb, int least, int most) {
        return "complete -c gpuslice -n " + quoted("__gpuslice_at '" + verb + "' " + least + " " + most);
    }

    /** Behind the name of a program they are that program's. */
    private static List<String> options(Words words) {
        int program = 0;
        while (program < words.operands().size() && !isProgram(words.operands().get(program))) {
            program++;
        }
        int most = words.name().isEmpty() ? 0 : program < words.operands().size() ? program + 1 : MANY;
        return words.options().stream()
                .map(option -> at(words.name(), 0, most)
                        + option.names().stream()
                                .map(name ->
                                        name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1))
                                .collect(Collectors.joining())
                        + value(option.value())
                        + " -d " + quoted(option.description()))
                .toList();
    }

    private static String operand(Words verb, Words.Operand operand, int place) {
        String when = at(verb.name(), place, operand.repeats() ? MANY : place);
        return isProgram(operand) ? when + " -a '(__gpuslice_program " + place + ")'" : when + value(operand.value());
    }

    private static boolean isProgram(Words.Operand operand) {
        return operand.value() instanceof Words.Value.Program;
    }

    /** {@code -x}: nothing but that; {@code -r}: and files. */
    private static String value(Words.Value value) {
        return switch (value) {
            case Words.Value.None _ -> "";
            case Words.Value.Anything _ -> " -x";
            case Words.Value.OneOf(List<String> words) -> " -x -a " + quoted(String.join(" ", words));
            case Words.Value.Live(String kind) -> " -x -a '(gpuslice completion " + kind + " 2> /dev/null)'";
            case Words.Value.File _ -> " -r -F";
            case Words.Value.Directory _ -> " -x -a '(__fish_complete_directories (commandline -ct))'";
            case Words.Value.Program _ -> " -x -a '(__fish_complete_command)'";
        };
    }

    private static String quoted(String text) {
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
    }
}
