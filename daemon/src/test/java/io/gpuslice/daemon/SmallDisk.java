// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/** A file system of its own that can be filled. Only root may mount one: for others the test is skipped, and says so. */
public final class SmallDisk implements AutoCloseable {
    private static final String BALLAST = "ballast";

    private final Path directory;

    private SmallDisk(Path directory) {
        this.directory = directory;
    }

    /** Mounts one there, for this user alone. */
    public static SmallDisk mount(Path directory, int mebibytes) throws IOException, InterruptedException {
        assumeTrue(PrivateDirectory.uid() == 0, "needs root: it mounts a small file system");
        Files.createDirectories(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Process mount = new ProcessBuilder(List.of(
                        "mount",
                        "-t",
                        "tmpfs",
                        "-o",
                        "mode=0700,size=" + mebibytes + "m",
                        "none",
                        directory.toString()))
                .redirectErrorStream(true)
                .start();
        String said = new String(mount.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assumeTrue(mount.waitFor() == 0, "nothing can be mounted here: " + said);
        return new SmallDisk(directory);
    }

    public Path directory() {
        return directory;
    }

    /** Not a byte is left afterwards. */
    public void fill() throws IOException {
        try (OutputStream ballast = Files.newOutputStream(directory.resolve(BALLAST))) {
            for (int size = 1 << 20; size > 0; size /= 2) {
                writeUntilFull(ballast, new byte[size]);
            }
        }
    }

    /** Gives back what {@link #fill} took. */
    public void empty() throws IOException {
        Files.delete(directory.resolve(BALLAST));
    }

    /** From now on nobody can write there; nobody may have a file open to write. */
    public void readOnly() throws IOException, InterruptedException {
        Process mount = new ProcessBuilder("mount", "-o", "remount,ro", directory.toString())
                .inheritIO()
                .start();
        if (mount.waitFor() != 0) {
            throw new IOException(directory + " cannot be made read-only");
        }
    }

    @Override
    public void close() throws IOException {
        // Lazily: a daemon under test may not be quite gone.
        new ProcessBuilder("umount", "--lazy", directory.toString())
                .inheritIO()
                .start()
                .onExit()
                .join();
    }

    private static void writeUntilFull(OutputStream out, byte[] block) {
        try {
            while (true) {
                out.write(block);
            }
        } catch (IOException e) {
            // Full, for blocks of this size.
        }
    }
}
