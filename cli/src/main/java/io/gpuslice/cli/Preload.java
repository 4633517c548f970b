// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.PrivateDirectory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.zip.CRC32;

/**
 * LD_PRELOAD for a program. The dynamic loader splits it at blanks and colons and expands {@code $ORIGIN} in it; a
 * name that it then cannot open it merely grumbles about, and runs the program without a limit. A library at such a
 * path is therefore given by another name.
 */
final class Preload {
    private static final String NAME = "LD_PRELOAD";
    private static final String SPECIAL = " :$\t\n";

    private Preload() {}

    /**
     * With our library in front of what the user preloads, and there once.
     *
     * @param library absolute path of the real library
     * @param aliases where another name for it may be put: a directory of this user's, which need not exist
     */
    static Environ in(Environ environ, Path library, Path aliases) throws Failure {
        byte[] ours = withoutSpecials(library, aliases).toString().getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        value.writeBytes(ours);
        byte[] theirs = environ.get(NAME).orElse(new byte[0]);
        int start = 0;
        for (int i = 0; i <= theirs.length; i++) {
            if (i == theirs.length || theirs[i] == ' ' || theirs[i] == ':') {
                byte[] item = Arrays.copyOfRange(theirs, start, i);
                if (item.length > 0 && !Arrays.equals(item, ours)) {
                    value.write(':');
                    value.writeBytes(item);
                }
                start = i + 1;
            }
        }
        return environ.with(NAME, value.toByteArray());
    }

    private static Path withoutSpecials(Path library, Path aliases) throws Failure {
        if (!hasSpecials(library)) {
            return library;
        }
        if (hasSpecials(aliases)) {
            throw new Failure(
                    "the library's path (" + library
                            + ") has a blank, a colon or a dollar sign, which the dynamic loader cannot "
                            + "take, and so has the place for another name (" + aliases + ")",
                    "set XDG_RUNTIME_DIR to a directory without them, or move gpuslice");
        }
        try {
            PrivateDirectory.create(aliases);
            // By the library's path: two installations do not fight over one name.
            CRC32 hash = new CRC32();
            hash.update(library.toString().getBytes(StandardCharsets.UTF_8));
            Path alias = aliases.resolve("libgpuslice-%08x.so".formatted(hash.getValue()));
            if (!pointsAt(alias, library)) {
                Path fresh = aliases.resolve(
                        alias.getFileName() + "." + ProcessHandle.current().pid());
                Files.deleteIfExists(fresh);
                Files.createSymbolicLink(fresh, library);
                // A rename: nobody ever finds the alias missing or half made.
                Files.move(fresh, alias, StandardCopyOption.ATOMIC_MOVE);
            }
            if (!pointsAt(alias, library) || !Files.isSameFile(alias, library)) {
                throw new IOException(alias + " does not lead to the library");
            }
            return alias;
        } catch (IOException e) {
            throw new Failure(
                    "cannot make another name for " + library
                            + ", whose blank, colon or dollar sign the dynamic loader cannot " + "take: "
                            + e.getMessage(),
                    "check " + aliases + ", or move gpuslice to a path without them");
        }
    }

    private static boolean pointsAt(Path alias, Path library) throws IOException {
        return Files.isSymbolicLink(alias) && Files.readSymbolicLink(alias).equals(library);
    }

    private static boolean hasSpecials(Path path) {
        return path.toString().chars().anyMatch(c -> SPECIAL.indexOf(c) >= 0);
    }
}
