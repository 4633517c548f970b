// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskSpaceTest {

    @TempDir
    private Path directory;

    @Test
    void enoughRoomIsSaidNothingAbout() {
        assertThatCode(() -> new DiskSpace(directory, 1).check()).doesNotThrowAnyException();
    }

    @Test
    void tooLittleRoomIsAnErrorWithTheNumbers() {
        assertThatThrownBy(() -> new DiskSpace(directory, Long.MAX_VALUE).check())
                .isInstanceOf(IOException.class)
                .hasMessageContaining(directory.toString())
                .hasMessageMatching("only [0-9.]+ [KMGT]iB are free .*");
    }
}
