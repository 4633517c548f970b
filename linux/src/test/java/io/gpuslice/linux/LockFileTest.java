// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LockFileTest {
    @TempDir
    Path directory = Path.of("");

    @Test
    void aLockIsHeldByOneAndCanBeTakenWhenItIsLetGo() throws Exception {
        Path path = directory.resolve("lock");
        try (LockFile held = LockFile.tryLock(path).orElseThrow()) {
            assertThat(held).isNotNull();
            assertThat(LockFile.tryLock(path)).isEmpty();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .isEqualTo("rw-------");
        }
        try (LockFile again = LockFile.lock(path)) {
            assertThat(again).isNotNull();
        }
    }

    @Test
    void closingTheSameFileElsewhereDoesNotLetTheLockGo() throws Exception {
        Path path = directory.resolve("lock");
        try (LockFile held = LockFile.tryLock(path).orElseThrow()) {
            assertThat(held).isNotNull();
            assertThat(Files.readAllBytes(path)).isEmpty();
            assertThat(Child.run("flock -n \"$1\" true", path.toString()).exitCode())
                    .isEqualTo(1);
        }
    }

    @Test
    void theLockOfAKilledProcessIsFree() throws Exception {
        Path path = directory.resolve("lock");
        try (Child child =
                Child.start("exec flock --no-fork \"$1\" sh -c 'echo locked; exec sleep 1000'", path.toString())) {
            assertThat(child.line()).isEqualTo("locked");
            assertThat(LockFile.tryLock(path)).isEmpty();

            child.process().destroyForcibly();

            try (LockFile free = await().until(() -> LockFile.tryLock(path), Optional::isPresent)
                    .orElseThrow()) {
                assertThat(free).isNotNull();
            }
        }
    }

    @Test
    void aSymbolicLinkIsNotFollowed() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("lock"), directory.resolve("elsewhere"));

        assertThatExceptionOfType(LinuxException.class)
                .isThrownBy(() -> LockFile.tryLock(link))
                .withMessageContaining(link.toString());
        assertThat(directory.resolve("elsewhere")).doesNotExist();
    }
}
