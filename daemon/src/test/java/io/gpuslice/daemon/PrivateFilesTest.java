// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivateFilesTest {

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"000", "022"})
    void whateverTheUmaskNobodyElseReadsWhatTheDaemonWrites(String umask) throws Exception {
        Path state = directory.resolve("state");
        try (DaemonProcess daemon = DaemonProcess.startWithUmask(umask, directory);
                Client client = daemon.connect()) {
            client.ask(new Frame.Open("", "64MB", "train", 0, Abi.FLAG_KEEP), Frame.Opened.class);

            assertThat(mode(state)).isEqualTo("rwx------");
            List<Path> secret = new ArrayList<>(List.of(
                    daemon.socket(), daemon.httpFile(), state.resolve("http-token"), state.resolve("audit.jsonl")));
            try (Stream<Path> beside = Files.list(directory)) {
                beside.filter(path -> path.getFileName().toString().startsWith("socket"))
                        .forEach(secret::add);
            }
            assertThat(secret).hasSizeGreaterThan(5);
            for (Path path : secret) {
                assertThat(mode(path)).as("%s", path).isEqualTo("rw-------");
            }
        }
    }

    private static String mode(Path path) throws Exception {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
