// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;

/** Completion for bash 4 and newer. */
final class BashScript {
    private BashScript() {}

    /** What is fixed; the tables go where {@code @…@} stands. */
    private static final String FRAME = """
            # bash completion for gpuslice, made by `gpuslice completion bash`.
            # Into this shell: source <(gpuslice completion bash)

            # What may be typed, by the verb; and what the value of an option may be. @KIND: see _gpuslice_offer.
            _gpuslice_words() {
                case $1 in
            @WORDS@
                    *) options= operands=() ;;
                esac
            }
            _gpuslice_value() {
                case $1:$2 in
            @VALUES@
                    *) value= ;;
                esac
            }

            _gpuslice_offer() {
                local word
                case $1 in
                    '' | @anything) ;;
                    @sessions | @devices)
                        while IFS=$'\\t' read -r word _; do
                            [[ $word != "$current"* ]] || COMPREPLY+=("$(printf %q "$word")")
                        done < <("${COMP_WORDS[0]/#\\~/$HOME}" completion "${1#@}" 2> /dev/null)
                        ;;
                    @file | @directory)
                        local which=-f
                        [[ $1 == @file ]] || which=-d
                        mapfile -t COMPREPLY < <(compgen "$which" -- "$current")
                        compopt -o filenames 2> /dev/null
                        ;;
                    *) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current") ;;
                esac
            }

            # From word $1 on it is another program's command line.
            _gpuslice_program() {
                if declare -F _command_offset > /dev/null; then
                    _command_offset "$1"
                elif ((COMP_CWORD == $1)); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u)
                else
                    _gpuslice_offer @file
                fi
            }

            _gpuslice() {
                local current=${COMP_WORDS[COMP_CWORD]} verb= value= options= operands=() seen=0 only_operands= i word
                COMPREPLY=()
                # bash makes three words of --option=value.
                [[ $current != = ]] || current=
                _gpuslice_words ''
                for ((i = 1; i < COMP_CWORD; i++)); do
                    word=${COMP_WORDS[i]}
                    if [[ $word == = ]]; then
                        continue
                    elif [[ $value ]]; then
                        value=
                    elif [[ ${operands[seen]-} == @program ]]; then
                        [[ $word != -- ]] || ((++i))
                        [[ $word == -?* && $word != -- && ! $only_operands ]] || { _gpuslice_program "$i"; return; }
                        _gpuslice_value "$verb" "$word"
                    elif [[ $word == -- ]]; then
                        only_operands=yes
                    elif [[ $word == -* && ! $only_operands ]]; then
                        _gpuslice_value "$verb" "$word"
                    elif [[ ! $verb ]]; then
                        verb=$word
                        _gpuslice_words "$verb"
                    elif [[ ${operands[seen]-} != *'*' ]]; then
                        ((++seen))
                    fi
                done
                local operand=${operands[seen]-}
                if [[ $value ]]; then
                    _gpuslice_offer "$value"
                elif [[ $current == -* && ! $only_operands ]]; then
                    _gpuslice_offer "$options"
                elif [[ $operand == @program ]]; then
                    _gpuslice_program "$COMP_CWORD"
                else
                    _gpuslice_offer "${operand%'*'}"
                fi
            }

            complete -F _gpuslice gpuslice
            """;

    static String of(CommandSpec gpuslice) {
        List<Words> all = Stream.concat(Stream.of(Words.of(gpuslice)), Words.ofVerbs(gpuslice).stream())
                .toList();
        String verbs = Words.ofVerbs(gpuslice).stream().map(Words::name).collect(Collectors.joining(" "));
        return FRAME.replace("@WORDS@", lines(all, words -> words(words, verbs)))
                .replace("@VALUES@", lines(all, BashScript::values));
    }

    private static String lines(List<Words> all, Function<Words, String> line) {
        return all.stream().map(line).filter(text -> !text.isEmpty()).collect(Collectors.joining("\n"));
    }

    /** Of {@code gpuslice} itself the operand is the verb. */
    private static String words(Words words, String verbs) {
        String operands = words.name().isEmpty()
                ? "'" + verbs + "'"
                : words.operands().stream()
                        .map(operand -> "'" + kind(operand.value())
                                + (operand.repeats() && !isProgram(operand) ? "*" : "") + "'")
                        .collect(Collectors.joining(" "));
        return "        %s) options='%s' operands=(%s) ;;"
                .formatted(
                        words.name().isEmpty() ? "''" : words.name(),
                        words.options().stream()
                                .flatMap(option -> option.names().stream())
                                .collect(Collectors.joining(" ")),
                        operands);
    }

    private static boolean isProgram(Words.Operand operand) {
        return operand.value() instanceof Words.Value.Program;
    }

    private static String values(Words words) {
        return words.options().stream()
                .filter(option -> !option.isFlag())
                .map(option -> "        %s) value='%s' ;;"
                        .formatted(
                                option.names().stream()
                                        .map(name -> words.name() + ":" + name)
                                        .collect(Collectors.joining(" | ")),
                                kind(option.value())))
                .collect(Collectors.joining("\n"));
    }

    private static String kind(Words.Value value) {
        return switch (value) {
            case Words.Value.None _ -> "";
            case Words.Value.Anything _ -> "@anything";
            case Words.Value.OneOf(List<String> words) -> String.join(" ", words);
            case Words.Value.Live(String kind) -> "@" + kind;
            case Words.Value.File _ -> "@file";
            case Words.Value.Directory _ -> "@directory";
            case Words.Value.Program _ -> "@program";
        };
    }
}
