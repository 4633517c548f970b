// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramPathTest {
    @TempDir
    Path here;

    private Path file(String name, String mode) throws IOException {
        Path file = here.resolve(name);
        Files.createDirectories(file.getParent());
        Files.createFile(file);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    @Test
    void theFirstExecutableOnThePathIsTaken() throws Exception {
        file("a/x", "rw-r--r--");
        Path second = file("b/x", "rwxr-xr-x");
        file("c/x", "rwxr-xr-x");
        Files.createDirectories(here.resolve("d/x"));
        String path = String.join(":", here + "/none", here + "/d", here + "/a", here + "/b", here + "/c");
        assertThat(ProgramPath.find("x", path)).isEqualTo(second);
    }

    @Test
    void anEmptyEntryIsTheCurrentDirectory() throws Exception {
        assertThatThrownBy(() -> ProgramPath.find("pom.xml", "/bin::"))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("./pom.xml may not be executed");
    }

    @Test
    void oneThatMayNotBeExecutedIsSaidToBeSo() throws Exception {
        file("a/x", "rw-r--r--");
        assertThatThrownBy(() -> ProgramPath.find("x", here + "/a:" + here))
                .isInstanceOfSatisfying(
                        Failure.class,
                        failure -> assertThat(failure.exitCode(true)).isEqualTo(126));
    }

    @Test
    void aNameWithASlashIsNotLookedFor() throws Exception {
        Path file = file("a/x", "rwxr-xr-x");
        assertThat(ProgramPath.find(file.toString(), "/bin")).isEqualTo(file);
        assertThatThrownBy(() -> ProgramPath.find("a/x", here.toString()))
                .isInstanceOfSatisfying(
                        Failure.class,
                        failure -> assertThat(failure.exitCode(true)).isEqualTo(127));
    }

    @Test
    void anUnsetPathIsTheSystems() throws Exception {
        assertThat(ProgramPath.find("sh", ProgramPath.orDefault(""))).isEqualTo(Path.of("/bin/sh"));
    }
}
