// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests of checks, each on a machine that is made for it. */
abstract class OnAMadeMachine {
    @TempDir
    Path root;

    MadeMachine made;

    @BeforeEach
    void make() throws IOException {
        made = new MadeMachine(root);
    }
}
