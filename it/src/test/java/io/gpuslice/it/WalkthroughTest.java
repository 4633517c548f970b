// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/**
 * The README's walk through a refusal, a crash and a restart is what happens: a shell is given its commands, one after
 * the other, and says what stands below each, but for ids, pids and times. The failure shows the text that would be true.
 */
class WalkthroughTest {
    private static final String HEADING = "## A refusal, a crash, a restart";

    @AutoClose
    private final Rig rig = Rig.idle();

    /**
     * One command and what it says.
     *
     * @param command as typed
     * @param said lines
     */
    private record Step(String command, List<String> said) {
        String text() {
            List<String> lines = new ArrayList<>(List.of("    $ " + command));
            said.forEach(line -> lines.add(("    " + line).stripTrailing()));
            return String.join("\n", lines);
        }

        /** Without what is another each time. */
        String withoutWhatVaries() {
            return text().replaceAll("\\b[0-9a-f]{16}\\b", "<id>")
                    .replaceAll("GPU-[0-9a-f-]{36}", "<uuid>")
                    .replaceAll("\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z", "<time>")
                    .replaceAll("uid \\d+", "uid <uid>")
                    .replaceAll("(?m)^ +\\d+ +\\d+ (?=.*train\\.py)", "    <pid>  <uid> ")
                    .replaceAll("(<time> +)\\d+ ", "$1<pid> ")
                    .replaceAll("[^ ]*/python[^ ]*", "python3")
                    .replaceAll(" {2,}", "  ")
                    .replaceAll("\n+", "\n");
        }
    }

    @Test
    void theReadmesWalkIsWhatHappens() throws IOException {
        List<Step> promised = promised();
        assertThat(promised).hasSizeGreaterThan(8);
        rig.with("PATH", rig.tree.product() + "/bin:" + rig.environment().get("PATH"))
                .with("FAKECUDA_DEVICES", "1")
                .with("GPUSLICE_HTTP_ADDRESS", "off");
        Guest shell = rig.start(
                List.of(
                        "/bin/bash",
                        "-c",
                        "cd \"$0\"; exec bash 2>&1",
                        rig.tree.program("").toString()),
                rig.environment());
        List<Step> happened = new ArrayList<>();
        try {
            shell.say("trap 'kill -9 $background 2> /dev/null' EXIT");
            for (Step step : promised) {
                happened.add(new Step(step.command(), says(shell, step)));
            }
        } finally {
            shell.finish().exitCode();
        }

        String truth = String.join("\n", happened.stream().map(Step::text).toList());
        assertThat(happened.stream().map(Step::withoutWhatVaries))
                .as("what happens:\n%s", truth)
                .containsExactlyElementsOf(
                        promised.stream().map(Step::withoutWhatVaries).toList());
    }

    /** What stands behind {@code &} speaks in its own time: as many lines are awaited as were promised. */
    private static List<String> says(Guest shell, Step step) {
        shell.say(step.command());
        if (step.command().endsWith("&")) {
            // The shell itself is not to say when it ends, and not to leave it behind.
            shell.say("disown; background+=\" $!\"");
            return step.said().stream().map(_ -> shell.await("")).toList();
        }
        shell.say("echo; echo =end=");
        List<String> said = new ArrayList<>();
        for (String line = shell.await(""); !line.equals("=end="); line = shell.await("")) {
            said.add(line);
        }
        // The blank line before the mark, which may have completed an unfinished one.
        if (!said.isEmpty() && said.getLast().isEmpty()) {
            said.removeLast();
        }
        return said;
    }

    private List<Step> promised() throws IOException {
        List<Step> steps = new ArrayList<>();
        for (String line : section()) {
            if (line.startsWith("    $ ")) {
                steps.add(new Step(line.substring(6), new ArrayList<>()));
            } else if (line.startsWith("    ")) {
                steps.getLast().said().add(line.substring(4));
            }
        }
        return steps;
    }

    private List<String> section() throws IOException {
        List<String> lines = Files.readAllLines(rig.tree.root().resolve("README.md"));
        int start = lines.indexOf(HEADING);
        assertThat(start).as("'%s' in README.md", HEADING).isNotNegative();
        int end = start + 1;
        while (end < lines.size() && !lines.get(end).startsWith("## ")) {
            end++;
        }
        return lines.subList(start, end);
    }
}
