// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.completion;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;

/** The shells that completion is for. */
public enum CompletionScript {
    BASH,
    ZSH,
    FISH;

    /** The script for a shell, called as it calls itself. */
    public static Optional<CompletionScript> named(String shell) {
        return Arrays.stream(values())
                .filter(known -> known.shell().equals(shell))
                .findFirst();
    }

    /** Names of all shells. */
    public static List<String> shells() {
        return Arrays.stream(values()).map(CompletionScript::shell).toList();
    }

    private String shell() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The script's text.
     *
     * @param gpuslice the whole command line, all verbs in it
     */
    public String of(CommandSpec gpuslice) {
        return switch (this) {
            case BASH -> BashScript.of(gpuslice);
            case ZSH -> ZshScript.of(gpuslice);
            case FISH -> FishScript.of(gpuslice);
        };
    }
}
