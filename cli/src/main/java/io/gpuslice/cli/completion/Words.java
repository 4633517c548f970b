// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * What may be typed after a word of the command line: after {@code gpuslice} itself, or after one of its verbs.
 *
 * @param name empty for {@code gpuslice} itself
 * @param header in a few words, what it does
 */
record Words(String name, String header, List<Option> options, List<Operand> operands) {
    /**
     * An option.
     *
     * @param names the short one first
     * @param label of its value
     * @param repeats whether it may be given again
     */
    record Option(List<String> names, String description, Value value, String label, boolean repeats) {
        boolean isFlag() {
            return value instanceof Value.None;
        }
    }

    /** A word that is no option; {@code repeats}: any number of them. */
    record Operand(String label, Value value, boolean repeats) {}

    /** What such a word may be. */
    sealed interface Value {
        /** There is none: a flag. */
        record None() implements Value {}

        /** Nothing that could be foreseen. */
        record Anything() implements Value {}

        record OneOf(List<String> words) implements Value {}

        /** What {@code gpuslice completion KIND} lists. */
        record Live(String kind) implements Value {}

        record File() implements Value {}

        record Directory() implements Value {}

        /** A program, and behind it whatever that takes. */
        record Program() implements Value {}
    }

    /** Of {@code gpuslice} itself. */
    static Words of(CommandSpec gpuslice) {
        return words("", gpuslice);
    }

    /** Of its verbs, in the order of its help. */
    static List<Words> ofVerbs(CommandSpec gpuslice) {
        return gpuslice.subcommands().entrySet().stream()
                .map(verb -> words(verb.getKey(), verb.getValue().getCommandSpec()))
                .toList();
    }

    private static Words words(String name, CommandSpec spec) {
        return new Words(
                name,
                Text.plain(spec.usageMessage().header()),
                spec.options().stream()
                        .filter(option -> !option.hidden())
                        .map(Words::option)
                        .toList(),
                spec.positionalParameters().stream()
                        .map(operand -> new Operand(
                                operand.paramLabel(),
                                value(operand),
                                operand.index().max() == Integer.MAX_VALUE))
                        .toList());
    }

    private static Option option(OptionSpec option) {
        return new Option(
                Stream.of(option.names())
                        .sorted((a, b) -> a.length() - b.length())
                        .toList(),
                Text.plain(option.description()),
                option.arity().max() == 0 ? new Value.None() : value(option),
                option.paramLabel(),
                option.isMultiValue());
    }

    /** By its type, else by the label that people see; one in small letters is the word itself, or the words to choose from. */
    private static Value value(ArgSpec argument) {
        if (argument.type().isEnum()) {
            return new Value.OneOf(Arrays.stream(argument.type().getEnumConstants())
                    .map(String::valueOf)
                    .toList());
        }
        String label = argument.paramLabel();
        return switch (label) {
            case "SESSION" -> new Value.Live("sessions");
            case "GPU" -> new Value.Live("devices");
            case "FILE" -> new Value.File();
            case "DIR" -> new Value.Directory();
            case "CMD" -> new Value.Program();
            default -> label.matches("[a-z|]+") ? new Value.OneOf(List.of(label.split("\\|"))) : new Value.Anything();
        };
    }
}
