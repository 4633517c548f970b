// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;

/** Completion for zsh, by its own {@code _arguments}. */
final class ZshScript {
    private static final String FRAME = """
            #compdef gpuslice
            # zsh completion for gpuslice, made by `gpuslice completion zsh`.
            # Into this shell: source <(gpuslice completion zsh). For all: as _gpuslice into a directory of $fpath.

            _gpuslice_live() {
                local -a found
                found=(${(f)"$(_call_program $1 ${(q)service:-gpuslice} completion $1 2> /dev/null)"})
                found=(${found//:/\\\\:})
                _describe -t $1 ${1%s} "(${(j: :)${(@q)found/$'\\t'/:}})"
            }
            _gpuslice_sessions() { _gpuslice_live sessions }
            _gpuslice_devices() { _gpuslice_live devices }

            _gpuslice_verbs() {
                local -a verbs=(
            @VERBS@
                )
                _describe -t verbs verb verbs
            }

            _gpuslice() {
                local curcontext=$curcontext context state state_descr line
                typeset -A opt_args
                _arguments -C -S \\
            @OPTIONS@ \\
                    '1:verb:_gpuslice_verbs' \\
                    '*::argument:->verb' && return
                [[ $state == verb ]] || return 1
                case $words[1] in
            @ARGUMENTS@
                esac
            }

            # Sourced, or found by its name the first time that it is asked for.
            if [[ $funcstack[1] == _gpuslice ]]; then
                _gpuslice "$@"
            else
                compdef _gpuslice gpuslice
            fi
            """;

    private ZshScript() {}

    static String of(CommandSpec gpuslice) {
        List<Words> verbs = Words.ofVerbs(gpuslice);
        return FRAME.replace(
                        "@VERBS@",
                        lines(verbs.stream()
                                .map(verb -> "        " + quoted(verb.name() + ":" + escaped(verb.header(), ":")))
                                .toList()))
                .replace(
                        "@OPTIONS@",
                        String.join(
                                " \\\n",
                                Words.of(gpuslice).options().stream()
                                        .map(option -> "        " + option(option))
                                        .toList()))
                .replace(
                        "@ARGUMENTS@",
                        lines(verbs.stream()
                                .map(verb -> "        " + verb.name() + ") _arguments -S \\\n            "
                                        + String.join(" \\\n            ", arguments(verb)) + " ;;")
                                .toList()));
    }

    private static String lines(List<String> lines) {
        return String.join("\n", lines);
    }

    private static List<String> arguments(Words verb) {
        List<String> arguments =
                new ArrayList<>(verb.options().stream().map(ZshScript::option).toList());
        int place = 1;
        for (Words.Operand operand : verb.operands()) {
            String action = ":" + operand.label() + ":" + action(operand.value());
            if (operand.value() instanceof Words.Value.Program) {
                // What follows is that program's alone: three colons leave it nothing else.
                arguments.add(quoted("(-)*:::program:_normal"));
            } else {
                arguments.add(quoted((operand.repeats() ? "*" : String.valueOf(place)) + action));
            }
            place++;
        }
        return arguments;
    }

    /** {@code '(-q --quiet)'{-q,--quiet}'[…]'}, {@code '--limit=[…]:SIZE:'}. */
    private static String option(Words.Option option) {
        String description = "[" + escaped(option.description(), "[]:") + "]";
        String value = option.isFlag() ? "" : ":" + option.label() + ":" + action(option.value());
        if (option.names().size() == 1) {
            String name = option.names().getFirst();
            return quoted((option.repeats() ? "*" : "")
                    + name
                    + (option.isFlag() || !name.startsWith("--") ? "" : "=")
                    + description
                    + value);
        }
        String names = option.names().stream()
                .map(name -> option.isFlag() ? name : name + (name.startsWith("--") ? "=" : "+"))
                .collect(Collectors.joining(","));
        return quoted("(" + String.join(" ", option.names()) + ")") + "{" + names + "}" + quoted(description + value);
    }

    private static String action(Words.Value value) {
        return switch (value) {
            case Words.Value.None _ -> "";
            // A blank: nothing is offered, and nothing else is tried.
            case Words.Value.Anything _ -> " ";
            case Words.Value.OneOf(List<String> words) -> "(" + String.join(" ", words) + ")";
            case Words.Value.Live(String kind) -> "_gpuslice_" + kind;
            case Words.Value.File _ -> "_files";
            case Words.Value.Directory _ -> "_files -/";
            case Words.Value.Program _ -> "_normal";
        };
    }

    private static String quoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }

    private static String escaped(String text, String special) {
        StringBuilder escaped = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            escaped.append(special.indexOf(text.charAt(i)) >= 0 ? "\\" : "").append(text.charAt(i));
        }
        return escaped.toString();
    }
}
