// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.actors.process.Processes;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcfsTableTest {

    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final List<DeviceId> DEVICES = List.of(new DeviceId(new UUID(1, 2)));
    private static final SessionId ONE = new SessionId("one");
    private static final SessionId TWO = new SessionId("two");
    private static final ImageId IMAGE = new ImageId("000102030405060708090a0b0c0d0e0f");
    private static final ImageId ANOTHER = new ImageId("f0e0d0c0b0a090807060504030201000");

    private final MemfdPages pages = new MemfdPages(new Random(42));
    private ProcfsTable table;

    @TempDir
    private Path directory;

    private final List<Process> started = new ArrayList<>();

    @BeforeEach
    void open() throws IOException {
        table = new ProcfsTable(Processes.ofThisMachine(), directory + "/card[0-9]*");
    }

    @AfterEach
    void end() throws InterruptedException {
        for (Process process : started) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
    }

    @Test
    void aProcessBelongsToTheSessionOfItsEnvironmentElseToThatOfItsNearestAncestor() throws Exception {
        // Its own shell, that one's child without the environment, and a child of that in another session.
        List<ProcessId> chain = shell(
                Map.of("GPUSLICE_SESSION", "one"),
                "echo $$; exec env -i sh -c 'echo $$; sh -c \"echo \\$\\$;"
                        + " GPUSLICE_SESSION=two sh -c \\\"echo \\\\\\$\\\\\\$; sleep 60\\\"; true\"; true'",
                4);
        ProcessId bare = chain.get(1);

        Map<SessionId, List<ProcessId>> found = table.relatives(Map.of(ONE, Set.of(bare), TWO, Set.of()));

        assertThat(chain.get(0)).as("exec keeps the process").isEqualTo(bare);
        assertThat(found.get(ONE)).contains(bare, chain.get(2)).doesNotContain(chain.get(3));
        assertThat(found.get(TWO)).contains(chain.get(3)).doesNotContain(bare, chain.get(2), process(SELF));
        assertThat(table.relatives(Map.of(ONE, Set.of())))
                .as("nobody's name, nobody's child")
                .isEmpty();
    }

    @Test
    void aRootWhosePidIsAnotherProcessByNowHasNoRelatives() throws Exception {
        ProcessId shell = shell(Map.of(), "echo $$; sleep 60; true", 1).getFirst();
        ProcessId former = new ProcessId(shell.bootId(), shell.pid(), shell.startTime() - 1);

        assertThat(table.relatives(Map.of(ONE, Set.of(former)))).isEmpty();
        assertThat(table.relatives(Map.of(ONE, Set.of(shell))).get(ONE)).contains(shell);
    }

    @Test
    void aChildThatInheritedTheDeviceHasItOpenWhenItsParentIsDead() throws Exception {
        Path card = Files.createFile(directory.resolve("card0"));
        Files.createFile(directory.resolve("cardctl"));
        List<ProcessId> both = shell(
                Map.of("GPUSLICE_SESSION", "one"),
                "exec 3<" + card + " 4<" + directory + "/cardctl; sleep 60 & echo $!; exec 3<&-; echo $$; wait",
                2);
        ProcessId child = both.get(0);
        ProcessId parent = both.get(1);

        assertThat(table.holdsDevice(child)).isTrue();
        assertThat(table.holdsDevice(parent)).as("it has closed it").isFalse();
        ProcessHandle.of(parent.pid()).orElseThrow().destroyForcibly();
        await().until(() -> !table.isAlive(parent));
        assertThat(table.relatives(Map.of(ONE, Set.of())).get(ONE)).containsExactly(child);
        assertThat(table.holdsDevice(child)).isTrue();
        ProcessHandle.of(child.pid()).orElseThrow().destroyForcibly();
        await().until(() -> !table.isAlive(child));
        assertThat(table.holdsDevice(child)).isFalse();
    }

    @Test
    void aDriverWithoutTheInterposerIsPastTheLimit() throws Exception {
        Path driver = library("libcuda.so.1");
        Path ours = library("libgpuslice.so");

        ProcessId stripped = preloading(Map.of("LD_PRELOAD", driver.toString()));
        ProcessId limited = preloading(Map.of("LD_PRELOAD", ours + ":" + driver));
        ProcessId without = preloading(Map.of("LD_PRELOAD", ours.toString()));

        assertThat(table.unenforced(stripped, false))
                .hasValueSatisfying(past -> assertThat(past)
                        .isEqualTo(new Unenforced(
                                stripped.pid(), "sleep 60", "LD_PRELOAD was taken out of its environment")));
        assertThat(table.unenforced(limited, false)).isEmpty();
        assertThat(table.unenforced(without, false)).isEmpty();
    }

    @Test
    void aProcessThatTheDriverListsIsPastTheLimitUnlessItHasTheInterposer() throws Exception {
        // The one joins at its first allocation; of the other, nothing tells how it came to the driver.
        ProcessId limited =
                preloading(Map.of("LD_PRELOAD", library("libgpuslice.so").toString()));
        ProcessId hidden = preloading(Map.of());

        assertThat(table.unenforced(limited, true)).isEmpty();
        assertThat(table.unenforced(hidden, true))
                .map(Unenforced::why)
                .hasValue("the driver lists it on a device, but it never became a member");
    }

    @Test
    void aPreloadThatDidNotComeTrueIsPastTheLimit() throws Exception {
        // As with dlmopen, or where the interposer was gone when the program began: named, but not there.
        Path driver = library("libcuda.so.1");
        ProcessId process = preloading(Map.of("LD_PRELOAD", directory + "/gone/libgpuslice.so:" + driver));

        assertThat(table.unenforced(process, false))
                .map(Unenforced::why)
                .hasValue("its driver was loaded by dlmopen or past the preload");
    }

    /** A library that is nothing but its name: a copy of one that every machine has. */
    private Path library(String name) throws IOException {
        Path original = Procfs.mapped(SELF).stream()
                .map(Path::of)
                .filter(path -> path.getFileName() != null
                        && path.getFileName().toString().startsWith("libm.so"))
                .findFirst()
                .orElseThrow();
        return Files.copy(original, directory.resolve(name));
    }

    private ProcessId preloading(Map<String, String> environment) throws Exception {
        ProcessId process = shell(environment, "echo $$; exec sleep 60", 1).getFirst();
        await().until(() -> table.command(process).equals("sleep 60")
                && Procfs.mapped(process.pid()).stream().anyMatch(file -> file.contains("/libc")));
        return process;
    }

    /** Runs the script, which prints so many pids. */
    private List<ProcessId> shell(Map<String, String> environment, String script, int pids) throws IOException {
        ProcessBuilder builder = new ProcessBuilder("sh", "-c", script);
        builder.environment().putAll(environment);
        Process shell = builder.start();
        started.add(shell);
        List<ProcessId> found = new ArrayList<>();
        BufferedReader output = shell.inputReader();
        for (int i = 0; i < pids; i++) {
            found.add(process(Integer.parseInt(output.readLine())));
        }
        return found;
    }

    @Test
    void aProgramIsThereAsLongAsOneOfItsPagesIsMapped() throws Exception {
        ProcessId self = process(SELF);
        try (MemberPage first = pages.create(self, IMAGE, DEVICES)) {
            assertThat(first.identity()).isNotNull();
            // One that the program was given in place of the first, and that has not reached it.
            pages.create(self, IMAGE, DEVICES).close();

            assertThat(table.hasPageOf(self, IMAGE)).isTrue();
            assertThat(table.hasPageOf(self, ANOTHER)).isFalse();
        }
        assertThat(table.hasPageOf(self, IMAGE)).isFalse();
    }

    @Test
    void aProcessWithoutMemoryIsEndingAndHasNotBecomeAnotherProgram() throws Exception {
        // The shell's child ends, and the program that the shell becomes does not wait for it.
        Process parent = new ProcessBuilder("sh", "-c", "sleep 0 & echo $!; exec sleep 60").start();
        try (BufferedReader output = parent.inputReader()) {
            int zombie = Integer.parseInt(output.readLine());
            await().until(() -> Procfs.stat(zombie).filter(ProcessStat::isDead).isPresent());

            assertThat(Procfs.mapped(zombie)).isEmpty();
            assertThat(table.hasPageOf(process(zombie), IMAGE)).isTrue();
        } finally {
            parent.destroyForcibly().waitFor();
        }
    }

    @Test
    void aProgramThatHasOnlyBeenLoadedHasNotRunYet() throws Exception {
        assertThat(ProcfsTable.hasRun(
                        Set.of("/usr/bin/train", "/usr/lib/ld-linux.so.2", "[heap]", "[stack]", "[vdso]")))
                .isFalse();
        assertThat(ProcfsTable.hasRun(Set.of("/usr/bin/train", "/usr/lib/ld-linux.so.2", "/usr/lib/libc.so.6")))
                .isTrue();
        assertThat(ProcfsTable.hasRun(Procfs.mapped(SELF))).isTrue();
    }

    @Test
    void aDeadProcessHasNotBecomeAnotherProgram() throws Exception {
        assertThat(table.hasPageOf(new ProcessId(Procfs.bootId(), SELF, 1), IMAGE))
                .isTrue();
    }

    private static ProcessId process(int pid) throws IOException {
        return new ProcessId(
                Procfs.bootId(), pid, Procfs.stat(pid).orElseThrow().startTime());
    }
}
