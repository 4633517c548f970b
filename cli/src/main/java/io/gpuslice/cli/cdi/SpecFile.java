// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.cdi;

import io.gpuslice.cli.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** The file that a spec is kept in: nobody but its owner reads it, for whoever has the tokens is in the sessions. */
public final class SpecFile {
    /** Vendor and class, as the runtimes' own tools name theirs. */
    private static final String NAME = "gpuslice.io-slice.json";

    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private SpecFile() {}

    /**
     * Puts the spec in place of the one that was there; whoever reads meanwhile finds the old one or the new one.
     *
     * @param directory made if it is not there
     * @return the file, with mode 0600
     */
    public static Path write(Path directory, CdiSpec spec) throws IOException {
        Files.createDirectories(directory);
        Path file = directory.resolve(NAME);
        // No name that ends in .json: runtimes read every such file in the directory as soon as it is there.
        Path fresh =
                directory.resolve("." + NAME + "." + ProcessHandle.current().pid());
        Files.deleteIfExists(fresh);
        try {
            Files.createFile(fresh, OWNER_ONLY);
            Files.write(
                    fresh,
                    (Json.pretty(spec.json()) + "\n").getBytes(StandardCharsets.UTF_8),
                    StandardOpenOption.WRITE);
            return Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }
}
