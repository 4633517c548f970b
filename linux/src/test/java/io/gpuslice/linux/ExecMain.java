// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;

/**
 * Becomes the program that its arguments name. The properties {@code ignored} (hexadecimal) and {@code soft} are the
 * {@link Exec.Origin}; with {@code directory} it creates that private directory instead.
 */
final class ExecMain {
    private ExecMain() {}

    public static void main(String[] args) throws IOException {
        String directory = System.getProperty("directory");
        if (directory != null) {
            PrivateDirectory.create(Path.of(directory));
            return;
        }
        // Opens a jar's worth of descriptors that are the JVM's own, as a command line does.
        try (InputStream resource = ExecMain.class.getResourceAsStream("/java/lang/Object.class")) {
            if (resource == null) {
                throw new IOException("no Object.class");
            }
        }
        List<byte[]> program = Exec.arguments(args.length);
        Exec.Origin origin = new Exec.Origin(
                Long.parseUnsignedLong(System.getProperty("ignored", "0"), 16),
                Long.getLong("soft", -1),
                Integer.getInteger("closed", 0));
        try {
            Exec.replace(program.getFirst(), program, Exec.environment(), origin);
        } catch (LinuxException e) {
            System.out.println(e.getMessage());
            System.exit(e.errno() == Errno.ENOENT ? 127 : 126);
        }
    }
}
