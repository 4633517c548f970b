// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;

/** A file of whole lines that only its owner reads, and that is only ever added to. Not thread-safe. */
final class AuditFile implements AutoCloseable {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");

    private final FileChannel channel;

    private AuditFile(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Opens the file or makes it, with mode 0600 either way. What a crash cut short is left as a line of its own.
     *
     * @throws IOException if it is none that is this user's, or cannot be written; the message says what to do
     */
    static AuditFile open(Path path) throws IOException {
        try {
            check(path);
            FileChannel channel = FileChannel.open(
                    path,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND, NOFOLLOW_LINKS),
                    PosixFilePermissions.asFileAttribute(OWNER_ONLY));
            try {
                // The umask may have taken, and an earlier file may have more.
                Files.setPosixFilePermissions(path, OWNER_ONLY);
                if (!endsALine(path)) {
                    channel.write(ByteBuffer.wrap(new byte[] {'\n'}));
                }
                return new AuditFile(channel);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        } catch (FileSystemException e) {
            throw new IOException(
                    "the audit log " + path + " cannot be opened: " + reason(e)
                            + "; mend that, name another file (audit.file), or set audit.file to off",
                    e);
        }
    }

    /** Adds them, or a part, if the disk is full; the buffer's position says how much. */
    void write(ByteBuffer lines) throws IOException {
        while (lines.hasRemaining()) {
            channel.write(lines);
        }
    }

    /** Bytes. */
    long size() throws IOException {
        return channel.size();
    }

    /** Onto the disk, as far as it can be. */
    @Override
    public void close() throws IOException {
        try (channel) {
            channel.force(false);
        }
    }

    /** Moves the file at that path out of the way, to {@code FILE.1}; what has it open goes on writing to it. */
    static void rename(Path path) throws IOException {
        Files.move(
                path,
                path.resolveSibling(path.getFileName() + ".1"),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    // A pipe would hold the daemon until somebody reads it, and what a link points to is somebody else's choice.
    private static void check(Path path) throws IOException {
        if (Files.notExists(path, NOFOLLOW_LINKS)) {
            return;
        }
        Map<String, Object> file = Files.readAttributes(path, "unix:isRegularFile,uid", NOFOLLOW_LINKS);
        if (!Boolean.TRUE.equals(file.get("isRegularFile"))) {
            throw new FileSystemException(path.toString(), null, "it is not a regular file");
        }
        int uid = PrivateDirectory.uid();
        if (!Integer.valueOf(uid).equals(file.get("uid"))) {
            throw new FileSystemException(
                    path.toString(), null, "it belongs to uid " + file.get("uid") + ", not to uid " + uid);
        }
    }

    private static boolean endsALine(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, NOFOLLOW_LINKS)) {
            ByteBuffer last = ByteBuffer.allocate(1);
            return file.size() == 0 || file.read(last, file.size() - 1) != 1 || last.get(0) == '\n';
        }
    }

    private static String reason(FileSystemException e) {
        if (e instanceof NoSuchFileException) {
            return "there is no such directory";
        }
        return e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
    }
}
