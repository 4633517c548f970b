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
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ProcfsTableTest {

    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final List<DeviceId> DEVICES = List.of(new DeviceId(new UUID(1, 2)));
    private static final ImageId IMAGE = new ImageId("000102030405060708090a0b0c0d0e0f");
    private static final ImageId ANOTHER = new ImageId("f0e0d0c0b0a090807060504030201000");

    private final MemfdPages pages = new MemfdPages(new Random(42));
    private ProcfsTable table;

    @BeforeEach
    void open() throws IOException {
        table = new ProcfsTable(Processes.ofThisMachine());
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
    void aDeadProcessHasNotBecomeAnotherProgram() throws Exception {
        assertThat(table.hasPageOf(new ProcessId(Procfs.bootId(), SELF, 1), IMAGE))
                .isTrue();
    }

    private static ProcessId process(int pid) throws IOException {
        return new ProcessId(
                Procfs.bootId(), pid, Procfs.stat(pid).orElseThrow().startTime());
    }
}
