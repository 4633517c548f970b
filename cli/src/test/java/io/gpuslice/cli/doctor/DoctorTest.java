// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.doctor.Doctor.Diagnosis;
import io.gpuslice.cli.doctor.Finding.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
    @TempDir
    private Path root;

    @Test
    void everyCheckHasANameOfItsOwnAndSomethingToSay() throws IOException {
        List<Diagnosis> all = Doctor.examine(new MadeMachine(root).machine());

        assertThat(all).hasSizeGreaterThan(10).allSatisfy(diagnosis -> {
            assertThat(diagnosis.name()).matches("[a-z-]{3,13}");
            assertThat(diagnosis.finding().text()).isNotBlank();
        });
        assertThat(all.stream().map(Diagnosis::name)).doesNotHaveDuplicates();
    }

    @Test
    void whatCannotBeLookedAtFailsAndTheOthersAreStillLookedAt() throws IOException {
        MadeMachine made = new MadeMachine(root);
        made.driver("550.54.14");
        Files.createSymbolicLink(root.resolve("dev"), Path.of("dev"));

        List<Diagnosis> all = Doctor.examine(made.machine());

        assertThat(all)
                .filteredOn(diagnosis -> diagnosis.finding().verdict() == Verdict.FAIL)
                .anySatisfy(diagnosis -> {
                    assertThat(diagnosis.name()).isEqualTo("device-files");
                    assertThat(diagnosis.finding().text()).contains("cannot be looked at", "symbolic links");
                });
        assertThat(all)
                .filteredOn(diagnosis -> diagnosis.finding().verdict() == Verdict.OK)
                .isNotEmpty();
    }
}
