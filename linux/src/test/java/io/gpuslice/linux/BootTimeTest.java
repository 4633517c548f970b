// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BootTimeTest {

    @Test
    void itIsWhatTheKernelSaysToEveryProcess() throws Exception {
        long before = BootTime.nanos();
        long uptime = new BigDecimal(Files.readString(Path.of("/proc/uptime")).split(" ")[0])
                .movePointRight(9)
                .longValueExact();
        long after = BootTime.nanos();

        // The file has hundredths of a second.
        assertThat(uptime).isBetween(before - 10_000_000, after);
    }
}
