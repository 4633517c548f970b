// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The descriptors that the JVM opened for itself, told from those it was handed, which are the program's. The kernel
 * does not know which is which, but a JVM that only wants to exec opens nothing but its own files: the modules file, jars
 * and libraries below java.home or on the class path. (What HotSpot opens is closed on exec already, and so are the
 * sockets of this package; the class libraries forget that.) A descriptor of any other file is handed on.
 */
final class OwnDescriptors {
    private OwnDescriptors() {}

    private static final int FIRST_BEHIND_STDERR = 3;

    static void closeOnExec() throws IOException {
        int self = (int) ProcessHandle.current().pid();
        List<Path> own = own();
        for (int fd : Procfs.fds(self)) {
            if (fd >= FIRST_BEHIND_STDERR && isBelow(own, Path.of("/proc/self/fd/" + fd))) {
                Fd.closeOnExec(fd);
            }
        }
    }

    private static boolean isBelow(List<Path> own, Path link) {
        try {
            Path target = Files.readSymbolicLink(link);
            return own.stream().anyMatch(target::startsWith);
        } catch (IOException e) {
            // The descriptor of the directory listing itself is closed by now.
            return false;
        }
    }

    /** As the kernel shows them: without symbolic links. */
    private static List<Path> own() throws IOException {
        List<Path> own = new ArrayList<>();
        own.add(Path.of(System.getProperty("java.home")).toRealPath());
        for (String entry : System.getProperty("java.class.path", "").split(File.pathSeparator)) {
            if (!entry.isEmpty() && Files.exists(Path.of(entry))) {
                own.add(Path.of(entry).toRealPath());
            }
        }
        return own;
    }
}
