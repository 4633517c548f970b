// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcfsTest {
    private static final int NOBODY = Integer.MAX_VALUE;

    @Test
    void theBootHasAnId() throws Exception {
        assertThat(UUID.fromString(Procfs.bootId())).hasToString(Procfs.bootId());
    }

    @Test
    void theLimitOfOpenFilesIsTheShellsOwn() throws Exception {
        Process shell = new ProcessBuilder("sh", "-c", "ulimit -S -n").start();
        String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();

        assertThat(Procfs.mostDescriptors())
                .isEqualTo(said.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(said));
    }

    @Test
    void aCommandWithBlanksAndParenthesesDoesNotShiftTheFields(@TempDir Path directory) throws Exception {
        Path program = directory.resolve("a) Z 1 (2");
        Files.copy(Path.of("/bin/sleep"), program);
        try (Child child = Child.start("exec \"$1\" 1000", program.toString())) {
            await().until(() -> Procfs.stat(child.pid()).orElseThrow().command().equals("a) Z 1 (2"));

            ProcessStat stat = Procfs.stat(child.pid()).orElseThrow();
            assertThat(stat.parent()).isEqualTo((int) ProcessHandle.current().pid());
            assertThat(stat.threads()).isEqualTo(1);
            assertThat(stat.isDead()).isFalse();
        }
    }

    @Test
    void fieldsAreCountedAsTheManualPageDoes() {
        ProcessStat stat = ProcessStat.parse("4711 (x) y) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 987654 23"
                .getBytes(StandardCharsets.UTF_8));

        assertThat(stat.startTime()).isEqualTo(987654);
        assertThat(stat.parent()).isEqualTo(4);
        assertThat(stat.threads()).isEqualTo(20);
        assertThat(stat.command()).isEqualTo("x) y");
    }

    @Test
    void aLaterProcessHasALaterStartTimeAndExecDoesNotChangeIt() throws Exception {
        try (Child child = Child.start("echo ready; read -r go; exec sleep 1000")) {
            assertThat(child.line()).isEqualTo("ready");
            long before = Procfs.stat(child.pid()).orElseThrow().startTime();
            child.process().outputWriter().append("go\n").flush();
            await().until(() -> Procfs.stat(child.pid()).orElseThrow().command().equals("sleep"));

            assertThat(Procfs.stat(child.pid()).orElseThrow().startTime()).isEqualTo(before);
            assertThat(Procfs.stat((int) ProcessHandle.current().pid())
                            .orElseThrow()
                            .startTime())
                    .isLessThan(before);
        }
    }

    @Test
    void argumentsAndEnvironmentAreByteExact() throws Exception {
        try (Child child = Child.start("exec env -i \"A=$(printf '\\377')\" B=2 BB=22 sleep 1000 2>/dev/null")) {
            await().until(() -> Procfs.stat(child.pid()).orElseThrow().command().equals("sleep"));

            assertThat(Procfs.cmdline(child.pid())).containsExactly(bytes("sleep"), bytes("1000"));
            assertThat(Procfs.environ(child.pid()))
                    .containsExactly(new byte[] {'A', '=', (byte) 0xff}, bytes("B=2"), bytes("BB=22"));
            assertThat(Procfs.environHas(child.pid(), "B=2")).isTrue();
            assertThat(Procfs.environHas(child.pid(), "B=22")).isFalse();
            assertThat(Procfs.environHas(child.pid(), "B=")).isFalse();
        }
    }

    @Test
    void processesAndTheirDescriptorsAreListed() throws Exception {
        try (Child child = Child.start("exec 7</dev/null; echo ready; exec sleep 1000")) {
            assertThat(child.line()).isEqualTo("ready");

            assertThat(Procfs.pids()).contains(child.pid(), 1);
            assertThat(Procfs.fds(child.pid())).contains(0, 1, 2, 7);
        }
    }

    @Test
    void aProcessThatDoesNotExistHasNothing() throws Exception {
        assertThat(Procfs.stat(NOBODY)).isEmpty();
        assertThat(Procfs.cmdline(NOBODY)).isEmpty();
        assertThat(Procfs.environ(NOBODY)).isEmpty();
        assertThat(Procfs.environHas(NOBODY, "A=1")).isFalse();
        assertThat(Procfs.fds(NOBODY)).isEmpty();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
