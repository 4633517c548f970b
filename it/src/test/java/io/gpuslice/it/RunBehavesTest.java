// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is started by {@code gpuslice run} behaves as without it. Where a terminal is involved the same is typed with it
 * and without it, and the screens must be the same, letter by letter.
 */
class RunBehavesTest {
    private static final String RUN = "gpuslice run -q --limit 64MB --";

    @AutoClose
    private static final Rig rig = begin();

    private static Rig begin() {
        Rig rig = Rig.idle().with("GPUSLICE_SESSIONS_END_GRACE", "100ms");
        rig.daemon();
        return rig;
    }

    // ---------------------------------------------------------------- trees of processes

    @ParameterizedTest
    @ValueSource(strings = {"#!/bin/sh\n", "#!/usr/bin/env bash\n", ""})
    void aShellScriptsProgramsShareTheLimitAndItsExitCodeIsTheScripts(String head) throws IOException {
        Path script = Files.writeString(rig.dir.resolve("script"), head + """
                        "$1/holder" --count 24 | { read -r ready; echo "$ready"; "$1/fill" < /dev/null; }
                        exit 7
                        """);
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        Guest run = rig.gpuslice("run", "-q", "--limit", "64MB", "--", script, rig.tree.program(""));

        run.await("ready held=24 refused=0");
        run.await("held=40 refused=2");
        assertThat(run.finish().exitCode()).isEqualTo(7);
    }

    /** What torchrun does: starts workers, tells them who they are, waits for all, and fails if one does. */
    private static final String ELASTIC = """
            import os, signal, subprocess, sys
            workers = [subprocess.Popen([sys.argv[1], "--count", "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=dict(os.environ, RANK=str(rank))) for rank in range(4)]
            print("workers", *[worker.stdout.readline().split()[1].decode() for worker in workers], flush=True)
            sys.stdin.readline()
            workers[2].kill()
            print("lost", workers[2].wait(), flush=True)
            sys.stdin.readline()
            for worker in workers:
                worker.stdin.close()
            print("ended", *[worker.wait() for worker in workers], flush=True)
            sys.exit(9)
            """;

    @Test
    void aTreeOfWorkersIsOneSessionUntilTheLastHasEnded() {
        Guest run = rig.gpuslice(
                "run", "--name", "tree", "--limit", "64MB", "--", "python3", "-c", ELASTIC, rig.tree.program("holder"));
        run.await("workers held=8 held=8 held=8 held=8");
        JsonNode session = rig.inspect("tree");
        assertThat(session.path("processes")).hasSize(4);
        assertThat(session.path("used_bytes").asLong()).isEqualTo(32 * Rig.MIB);

        run.say("lose one");
        run.await("lost -9");
        Rig.eventually(() -> rig.used("tree") == 24 * Rig.MIB);

        run.say("end");
        run.await("ended 0 0 -9 0");
        assertThat(run.exitCode()).isEqualTo(9);
        isGone("tree");
    }

    @Test
    void aProgramThatBecomesADaemonKeepsItsSessionUntilTheDaemonEnds() {
        Guest run = rig.gpuslice("run", "--name", "away", "--limit", "64MB", "--", rig.tree.program("ways"), "daemon");
        long pid = Guest.number(run.await("ready"), "pid");
        assertThat(run.exitCode()).as("what was started has ended").isZero();
        assertThat(pid).isNotEqualTo(run.pid());

        JsonNode session = rig.inspect("away");
        assertThat(session.path("state").asText()).isEqualTo("ACTIVE");
        assertThat(session.path("processes").path(0).path("pid").asLong()).isEqualTo(pid);

        assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
        isGone("away");
    }

    private static void isGone(String session) {
        Rig.eventually(() -> rig.web().get("/sessions/" + session).status() == 404);
    }

    // ---------------------------------------------------------------- pipes

    /** The same line in a shell with and without. */
    private static String bothSay(String line) {
        List<String> said = IntStream.range(0, 2)
                .mapToObj(with -> {
                    Map<String, String> environment = rig.environment();
                    environment.put("PATH", rig.tree.product() + "/bin:" + environment.get("PATH"));
                    environment.put("R", with == 1 ? RUN : "");
                    Guest shell = rig.start(List.of("bash", "-c", line), environment);
                    return shell.output() + "\n" + shell.exitCode() + shell.errors();
                })
                .toList();
        assertThat(said.getLast()).isEqualTo(said.getFirst());
        return said.getLast();
    }

    @Test
    void aReaderThatLeavesEndsTheProgramBySigpipe() {
        assertThat(bothSay("$R yes | head -n 1; echo ${PIPESTATUS[@]}")).startsWith("y\n141 0");
    }

    @Test
    void standardInputIsPassedOnByteForByteAndToTheLast() {
        assertThat(bothSay("head -c 1000003 /dev/zero | tr '\\0' '\\377' | $R cat | cksum"))
                .contains("1000003");
        assertThat(bothSay("printf 'first\\nsecond\\n' | { $R head -c 6; cat; }"))
                .as("what the program has not read is there for the next")
                .isEqualTo("first\nsecond\n0");
        assertThat(bothSay("$R cat <&-; echo $?")).contains("1\n0");
    }

    // ---------------------------------------------------------------- terminals

    /** What the screen shows at the end of the same typing with and without. */
    private static String bothShow(Consumer<Tmux> person) {
        Tmux.need();
        List<String> screens = IntStream.range(0, 2)
                .mapToObj(with -> {
                    try (Tmux tmux = new Tmux(rig, Map.of("R", with == 1 ? RUN : ""))) {
                        person.accept(tmux);
                        return tmux.screen();
                    }
                })
                .toList();
        assertThat(screens.getLast()).isEqualTo(screens.getFirst());
        return screens.getLast();
    }

    @Test
    void jobControlStopsPutsIntoTheBackgroundBringsBackAndInterrupts() {
        String screen = bothShow(tmux -> {
            tmux.type("$R sh -c 'echo began; exec sleep 1000'").await("began");
            tmux.press("C-z").await("[1]+  Stopped");
            tmux.type("bg").await("[1]+ $R sh");
            tmux.type("jobs").await("[1]+  Running");
            tmux.type("fg").await("$ fg").press("C-c").awaitPrompt();
            tmux.type("echo ended with $?").await("ended with").awaitPrompt();
        });
        assertThat(screen).contains("ended with 130");
    }

    @Test
    void aBackgroundJobThatReadsTheTerminalIsStoppedAndTheForegroundGetsTheInput() {
        String screen = bothShow(tmux -> {
            tmux.type("$R sh -c 'read line; echo got $line' &").awaitPrompt();
            Rig.eventually(() -> {
                tmux.type("jobs");
                return tmux.screen().contains("Stopped");
            });
            tmux.type("clear").awaitPrompt();
            tmux.type("fg").await("$R sh");
            tmux.type("a line").await("got a line").awaitPrompt();
        });
        assertThat(screen).contains("got a line");
    }

    @Test
    void aFullScreenProgramHasItsKeysItsScreenAndThenTheTerminalIsAsItWas() throws IOException {
        Path text = Files.writeString(
                rig.dir.resolve("text"),
                String.join(
                                "\n",
                                IntStream.rangeClosed(1, 200)
                                        .mapToObj(i -> "line " + i)
                                        .toList()) + "\n");
        String inside = bothShow(tmux -> {
            tmux.type("clear; $R less -X '" + text + "'").await("line 1");
            tmux.press("Space").await("line 46").awaitLast(":");
            tmux.type("/line 150").await("line 150").awaitLast(":");
        });
        assertThat(inside).startsWith("line 150\nline 151");

        String after = bothShow(tmux -> {
            tmux.type("stty -a > before; $R less '" + text + "'").await("line 1");
            tmux.press("q").awaitPrompt();
            tmux.type("stty -a | cmp - before && echo as it was")
                    .await("as it was")
                    .awaitPrompt();
        });
        assertThat(after).contains("as it was");
    }

    @Test
    void aProgramLearnsTheSizeOfTheWindowAndThatItHasChanged() {
        String screen = bothShow(tmux -> {
            tmux.type("clear; $R bash -c \"trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.02; done\"");
            tmux.await("24 80");
            tmux.resize(101, 31).await("31 101").awaitPrompt();
        });
        assertThat(screen).contains("24 80\n").contains("31 101");
    }

    @Test
    void closingTheTerminalHangsTheProgramUp() {
        Tmux.need();
        try (Tmux tmux = new Tmux(rig, Map.of("R", RUN.replace("-q", "-q --name hung")))) {
            tmux.type("$R '" + rig.tree.program("holder") + "'").await("ready");
            assertThat(rig.used("hung")).isEqualTo(64 * Rig.MIB);
        }
        isGone("hung");
    }
}
