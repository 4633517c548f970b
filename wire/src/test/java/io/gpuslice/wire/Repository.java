// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/** Files of the repository that both sides of the wire read. */
final class Repository {
    private Repository() {}

    /** Maven runs a module's tests in the module. */
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    static Path golden() {
        return ROOT.resolve("interposer/test/golden");
    }

    static Path library() {
        return Path.of(System.getProperty(
                "gpuslice.library",
                ROOT.resolve("build/gpuslice/lib/libgpuslice.so").toString()));
    }

    /** The bytes of {@code NAME.hex}: hex digits and blanks, and lines that begin with #. */
    static byte[] goldenBytes(String name) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (String line : Files.readAllLines(golden().resolve(name + ".hex"))) {
            if (!line.startsWith("#")) {
                bytes.writeBytes(HexFormat.of().parseHex(line.replace(" ", "")));
            }
        }
        return bytes.toByteArray();
    }
}
