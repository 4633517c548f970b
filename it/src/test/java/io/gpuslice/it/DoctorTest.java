// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** {@code gpuslice doctor} on the simulated GPU: its probe goes the way of every program. */
class DoctorTest {
    @AutoClose
    private static final Rig rig = Rig.running();

    private static JsonNode finding(Rig.Result doctor, String check) {
        for (JsonNode finding : Rig.json("{\"all\":" + doctor.out() + "}").path("all")) {
            if (finding.path("check").asText().equals(check)) {
                return finding;
            }
        }
        throw new AssertionError("no check " + check + " in " + doctor.out());
    }

    @Test
    void theProbeIsRefusedWhatIsAboveItsLimit() {
        Rig.Result doctor = rig.run("doctor", "--format", "json").ok();

        assertThat(finding(doctor, "limit").path("verdict").asText()).isEqualTo("ok");
        assertThat(finding(doctor, "limit").path("text").asText())
                .contains("65.0 MiB was refused", "1 MiB was granted", "a GPU of 64.0 MiB");
        for (String check : new String[] {"library", "socket", "daemon"}) {
            assertThat(finding(doctor, check).path("verdict").asText())
                    .as(check)
                    .isEqualTo("ok");
        }
        assertThat(finding(doctor, "libcuda").path("text").asText()).contains("simulated");
    }

    @Test
    void aLibraryThatLimitsNothingIsNoticed() throws IOException {
        Path home = rig.dir.resolve("installation");
        Path lib = Files.createDirectories(home.resolve("lib"));
        for (String name : List.of("cli", "java-home", "gpuslice-probe")) {
            Files.createSymbolicLink(
                    lib.resolve(name), rig.tree.product().resolve("lib").resolve(name));
        }
        Files.createSymbolicLink(
                lib.resolve("libgpuslice.so"), rig.tree.fakecuda().resolve("libnvidia-ml.so.1"));
        Path command = Files.createDirectory(home.resolve("bin")).resolve("gpuslice");
        Files.copy(rig.tree.bin("gpuslice"), command);

        Guest doctor = rig.start(List.of(command.toString(), "doctor", "-q"), rig.environment())
                .finish();

        assertThat(doctor.exitCode()).as(doctor.errors()).isEqualTo(1);
        assertThat(doctor.output())
                .containsPattern("fail  library +the dynamic loader does not take")
                .containsPattern("fail  limit +.*an allocation of 65.0 MiB was granted");
    }
}
