// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** A small file with a secret in it. */
final class PrivateFile {
    private PrivateFile() {}

    /** Writes it with mode 0600, in place of what is there; nobody sees half of it. */
    static void write(Path path, String content) throws IOException {
        // Under a name that nobody can have taken before, also where others may create files.
        Path fresh = Files.createTempFile(
                path.toAbsolutePath().getParent(),
                "." + path.getFileName(),
                "",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            Files.writeString(fresh, content);
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            Files.deleteIfExists(fresh);
            throw e;
        }
    }
}
