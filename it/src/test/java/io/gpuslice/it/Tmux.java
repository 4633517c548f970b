// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A person at a terminal: bash in a tmux of our own, 80 by 24. What is typed and what is on the screen are text. */
final class Tmux implements AutoCloseable {
    /** Each has a server of its own: the one before may still be about to end. */
    private static final AtomicInteger SERVERS = new AtomicInteger();

    private final Rig rig;
    private final Map<String, String> environment;
    private final String server = "test" + SERVERS.incrementAndGet();

    /** @param variables more of them for the shell, beside the rig's */
    Tmux(Rig rig, Map<String, String> variables) {
        this.rig = rig;
        this.environment = rig.environment();
        environment.putAll(variables);
        environment.put("TMUX_TMPDIR", rig.dir.toString());
        environment.put("TERM", "xterm");
        environment.put("SHELL", "/bin/bash");
        environment.put("PATH", rig.tree.product() + "/bin:" + environment.get("PATH"));
        // Not in the environment: the shell that tmux runs this by would take it out.
        String shell = "exec env 'PS1=$ ' bash --norc --noprofile";
        tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell);
        awaitPrompt();
    }

    /** Ends the test where it is not installed. */
    static void need() {
        Needs.that(
                Stream.of(System.getenv("PATH").split(":")).anyMatch(dir -> Files.isExecutable(Path.of(dir, "tmux"))),
                "tmux is not installed: tools/install-deps installs it as root");
    }

    /** A line, and Return. */
    Tmux type(String line) {
        tmux("send-keys", "-l", line);
        return press("Enter");
    }

    /** One key, as tmux calls it: {@code C-z}, {@code q}, {@code Down}. */
    Tmux press(String key) {
        tmux("send-keys", key);
        return this;
    }

    Tmux resize(int columns, int lines) {
        tmux("resize-window", "-x", "" + columns, "-y", "" + lines);
        return this;
    }

    /** Waits until it stands at the beginning of a line of the screen. */
    Tmux await(String text) {
        Rig.eventually(() -> lines().stream().anyMatch(line -> line.startsWith(text)));
        return this;
    }

    /** Waits until the last line that is not empty is the shell's prompt, with nothing behind it. */
    Tmux awaitPrompt() {
        return awaitLast("$");
    }

    /** Waits until that is the last line that is not empty. */
    Tmux awaitLast(String line) {
        Rig.eventually(() -> lines().getLast().equals(line));
        return this;
    }

    /** What is on the screen, without the blanks at its ends. */
    String screen() {
        return String.join("\n", lines());
    }

    private List<String> lines() {
        List<String> lines =
                tmux("capture-pane", "-p").lines().map(String::stripTrailing).toList();
        int end = lines.size();
        while (end > 1 && lines.get(end - 1).isEmpty()) {
            end--;
        }
        return lines.isEmpty() ? List.of("") : lines.subList(0, end);
    }

    private String tmux(String... words) {
        List<String> command = new ArrayList<>(List.of("tmux", "-L", server));
        command.addAll(List.of(words));
        Guest tmux = rig.start(command, environment);
        String output = tmux.output();
        assertThat(tmux.exitCode()).as("%s: %s", command, tmux.errors()).isZero();
        return output;
    }

    /** Ends the shell and what it started by the hangup that closing a window is. */
    @Override
    public void close() {
        tmux("kill-server");
    }
}
