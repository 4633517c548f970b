// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ForeignProcessTest {
    private static final int NOBODY = Integer.MAX_VALUE;

    private static byte[] environ(Child child) throws Exception {
        await().until(() -> Procfs.stat(child.pid()).orElseThrow().command().equals("sleep"));
        return ForeignProcess.environ(child.pid(), Files.readAllBytes(Path.of("/proc/" + child.pid() + "/stat")));
    }

    @Test
    void theEnvironmentIsReadWhereItLies() throws Exception {
        try (Child child = Child.start("exec env -i A=1 BB=22 sleep 1000")) {
            assertThat(environ(child)).isEqualTo("A=1\0BB=22\0".getBytes(StandardCharsets.US_ASCII));
        }
    }

    @Test
    void anEmptyEnvironmentIsOne() throws Exception {
        try (Child child = Child.start("exec env -i sleep 1000")) {
            assertThat(environ(child)).isEmpty();
        }
    }

    @Test
    void whereNoMemoryIsShownThereIsNoEnvironmentToBeRead() {
        byte[] stat = ("2 (kthreadd) S" + " 0".repeat(49)).getBytes(StandardCharsets.US_ASCII);

        assertThatThrownBy(() -> ForeignProcess.environ(2, stat))
                .isInstanceOfSatisfying(
                        LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES));
    }

    @Test
    void aDescriptorIsBorrowedAndOneThatIsNotThereIsNot() throws Exception {
        try (Child child = Child.start("exec 7</dev/null; echo ready; exec sleep 1000")) {
            assertThat(child.line()).isEqualTo("ready");

            int borrowed = ForeignProcess.borrow(child.pid(), 7).orElseThrow();
            assertThat(Files.readSymbolicLink(Path.of("/proc/self/fd/" + borrowed)))
                    .hasToString("/dev/null");
            Fd.close(borrowed);
            assertThat(ForeignProcess.borrow(child.pid(), 8)).isEmpty();
            assertThat(ForeignProcess.borrow(NOBODY, 0)).isEmpty();
        }
    }

    @Test
    void whatADescriptorStandsForIsTold() throws Exception {
        try (Child child = Child.start("exec 7</dev/null; echo ready; exec sleep 1000")) {
            assertThat(child.line()).isEqualTo("ready");

            assertThat(Procfs.descriptor(child.pid(), 7)).isEqualTo(Optional.of(Path.of("/dev/null")));
            assertThat(Procfs.descriptor(child.pid(), 8)).isEmpty();
        }
    }
}
