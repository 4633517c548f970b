// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where the log goes. */
final class StandardError {
    private static final Path DESCRIPTOR = Path.of("/proc/self/fd/2");

    private StandardError() {}

    /** Whether somebody looks at it. System.console() speaks of standard input and output, and loads a line editor. */
    static boolean isTerminal() {
        try {
            String file = Files.readSymbolicLink(DESCRIPTOR).toString();
            return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty") || file.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether it is that regular file. */
    static boolean isTheFile(Path file) {
        try {
            return Files.isRegularFile(file) && Files.isSameFile(DESCRIPTOR, file);
        } catch (IOException e) {
            return false;
        }
    }
}
