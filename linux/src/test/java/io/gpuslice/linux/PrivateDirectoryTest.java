// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivateDirectoryTest {
    @TempDir
    Path directory = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"0000", "0022", "0277"})
    void theModeIsTheSameWhateverTheUmask(String umask) throws Exception {
        Path path = directory.resolve("private");
        Child.Result result = Child.run(
                "umask " + umask + "; exec " + Child.EXEC_MAIN + " -Ddirectory=\"$1\" io.gpuslice.linux.ExecMain 2>&1",
                path.toString());

        assertThat(result.exitCode()).as(result.text()).isZero();
        assertThat(mode(path)).isEqualTo("rwx------");
    }

    @Test
    void parentsAreMadeAndOneThatExistsIsGoodEnough() throws Exception {
        Path path = directory.resolve("a/b/c");
        PrivateDirectory.create(path);

        assertThatNoException().isThrownBy(() -> PrivateDirectory.create(path));
        assertThat(mode(path)).isEqualTo("rwx------");
    }

    @Test
    void aSymbolicLinkIsRefusedEvenToAPrivateDirectory() throws Exception {
        PrivateDirectory.create(directory.resolve("real"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), directory.resolve("real"));

        refused(link, "is not a directory (symbolic links are not followed here)");
    }

    @Test
    void aFileIsRefused() throws Exception {
        refused(Files.createFile(directory.resolve("file")), "is not a directory");
    }

    @Test
    void aDirectoryThatOthersCanEnterIsRefused() throws Exception {
        Path open = Files.createDirectory(directory.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-x--x"));

        refused(open, "has mode 0751, so others can look into it: chmod 700 it");
    }

    @Test
    void aDirectoryOfAnotherUserIsRefused() throws Exception {
        Path other = Path.of("/");
        if (PrivateDirectory.uid() == 0) {
            other = Files.createDirectory(directory.resolve("other"));
            Files.setAttribute(other, "unix:uid", 12345);
        }

        refused(other, "not to uid " + PrivateDirectory.uid() + ": somebody else made it");
    }

    private static void refused(Path path, String why) {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> PrivateDirectory.create(path))
                .withMessageStartingWith(path + " ")
                .withMessageContaining(why);
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
