// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** The built launcher, installed once for a class, and a scripted daemon of its own for each test. */
abstract class LauncherFixture {

    @TempDir
    static Path directory;

    static Installation gpuslice;

    @TempDir
    Path here;

    FakeDaemon daemon;

    @BeforeAll
    static void install() throws IOException, InterruptedException {
        gpuslice = Installation.at(directory.resolve("tree"));
    }

    @BeforeEach
    void startDaemon() throws IOException {
        daemon = new FakeDaemon(here.resolve("d.sock"));
        gpuslice.environment.clear();
        gpuslice.environment.put("GPUSLICE_IPC_SOCK", daemon.socket.toString());
        gpuslice.environment.put("XDG_RUNTIME_DIR", here.toString());
    }

    @AfterEach
    void stopDaemon() throws IOException {
        daemon.close();
    }
}
