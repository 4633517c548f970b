// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.completion.CompletionScript;
import io.gpuslice.config.Sizes;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;

/**
 * {@code gpuslice completion SHELL}: a script for a shell. Those scripts ask {@code gpuslice completion sessions} and
 * {@code … devices} for what there is at the moment: a line a word, behind a tab what it is.
 */
final class CompletionVerb {
    private final Context context;

    CompletionVerb(Context context) {
        this.context = context;
    }

    /**
     * Prints it.
     *
     * @param gpuslice the whole command line
     */
    int perform(String what, CommandSpec gpuslice) throws Failure {
        switch (what) {
            case "sessions" -> print(ask(this::sessions));
            case "devices" -> print(ask(CompletionVerb::devices));
            default ->
                context.out()
                        .print(CompletionScript.named(what)
                                .orElseThrow(() -> new Failure(
                                        Failure.Kind.USAGE,
                                        "there is no completion for \"" + what + "\"",
                                        "there is one for " + String.join(", ", CompletionScript.shells())))
                                .of(gpuslice));
        }
        return ExitCode.DONE;
    }

    private void print(List<String> lines) {
        lines.forEach(context.out()::println);
    }

    /** What the daemon is asked for. */
    @FunctionalInterface
    private interface Question {
        List<String> of(Calls calls) throws Failure;
    }

    /** Nothing to offer where no daemon runs. */
    private List<String> ask(Question question) throws Failure {
        Optional<Connection> found = Daemons.toLookAt(context).find();
        if (found.isEmpty()) {
            return List.of();
        }
        try (Calls calls = new Calls(found.get(), context.operatorToken())) {
            return question.of(calls);
        }
    }

    /** Inside a session there is that alone. */
    private List<String> sessions(Calls calls) throws Failure {
        Calls.Listed all = calls.sessions();
        return all.sessions().stream()
                .filter(session ->
                        context.session().isEmpty() || context.session().get().equals(session.text("id", "")))
                .map(session -> line(
                        all.selector(session),
                        Sizes.format(session.number("limit_bytes", 0)) + ", "
                                + session.object("leader").text("command", "no leader")))
                .toList();
    }

    private static List<String> devices(Calls calls) throws Failure {
        return calls.get("/devices").objects("devices").stream()
                .map(device -> line(
                        String.valueOf(device.number("index", 0)),
                        Sizes.format(device.number("total_bytes", 0)) + ", " + device.text("uuid", "")))
                .toList();
    }

    private static String line(String word, String description) {
        return Table.harmless(word) + "\t" + Table.harmless(description);
    }
}
