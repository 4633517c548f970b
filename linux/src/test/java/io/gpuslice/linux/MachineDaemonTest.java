// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineDaemonTest {
    @Test
    void itIsThatOfTheDirectorysOwnerAlone(@TempDir Path directory) throws Exception {
        int uid = PrivateDirectory.uid();

        assertThat(MachineDaemon.isOf(uid, directory)).isTrue();
        assertThat(MachineDaemon.isOf(uid + 1, directory)).isFalse();
        assertThat(MachineDaemon.isOf(uid, directory.resolve("not-there"))).isFalse();
        Path link = Files.createSymbolicLink(directory.resolve("link"), directory);
        assertThat(MachineDaemon.isOf(uid, link))
                .as("a link may lead elsewhere tomorrow")
                .isFalse();
    }
}
