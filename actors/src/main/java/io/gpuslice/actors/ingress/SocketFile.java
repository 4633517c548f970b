// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.gpuslice.linux.LockFile;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * The socket's place in the file system: ours while we hold the lock beside it, so that two daemons that start at
 * once never take it from each other. What is there is removed only if nobody answers at it; at the end only what we
 * put there is removed.
 */
final class SocketFile implements AutoCloseable {

    /** sun_path has 108 bytes, and one ends the text. */
    private static final int LONGEST = 107;

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");

    private final Path path;
    private final LockFile lock;
    private Optional<Object> own = Optional.empty();

    private SocketFile(Path path, LockFile lock) {
        this.path = path;
        this.lock = lock;
    }

    /**
     * Makes room for a socket at {@code path}: its folder is there, and nothing is at the path itself.
     *
     * @throws IOException if that may not be; the message says why, and what to do
     */
    static SocketFile claim(Path path, int uid) throws IOException {
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > LONGEST) {
            throw new IOException("the socket's path has " + length + " bytes and the kernel takes " + LONGEST + ": "
                    + path + ". Choose a shorter one with GPUSLICE_IPC_SOCK or ipc.sock.");
        }
        Path folder = Objects.requireNonNull(path.getParent(), "an absolute path to a socket has a parent");
        Files.createDirectories(
                folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        refuseForeign(folder, uid);
        SocketFile file = new SocketFile(path, lock(path));
        try {
            file.removeStale();
            return file;
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /** To be called when the socket is bound: it is for its owner alone, whatever the umask says. */
    void bound() throws IOException {
        Files.setPosixFilePermissions(path, OWNER_ONLY);
        own = identity(path);
    }

    /** Removes the socket, if it is still the one that was {@link #bound}, and gives the place free. */
    @Override
    public void close() throws IOException {
        try (lock) {
            if (own.isPresent() && own.equals(identity(path))) {
                Files.deleteIfExists(path);
            }
        }
    }

    /** In a folder where others may write, one of them could replace the socket by his own. */
    private static void refuseForeign(Path folder, int uid) throws IOException {
        int owner = (Integer) Files.getAttribute(folder, "unix:uid");
        int mode = (Integer) Files.getAttribute(folder, "unix:mode");
        boolean othersWrite = (mode & 0022) != 0;
        boolean sticky = (mode & 01000) != 0;
        if ((owner != uid && owner != 0) || (othersWrite && !sticky)) {
            throw new IOException("the socket's folder " + folder + " belongs to uid " + owner + " and has mode "
                    + Integer.toOctalString(mode & 07777)
                    + ": others could replace the socket. Make it your own with mode 0700, or choose another with"
                    + " GPUSLICE_IPC_SOCK.");
        }
    }

    private static LockFile lock(Path path) throws IOException {
        Path beside = path.resolveSibling(path.getFileName() + ".lock");
        return LockFile.tryLock(beside).orElseThrow(() -> inUse(path));
    }

    private void removeStale() throws IOException {
        try {
            int type = (Integer) Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS) & 0170000;
            if (type != 0140000) {
                throw new IOException("there is something at " + path
                        + " that is no socket. Move it away, or choose another path with GPUSLICE_IPC_SOCK.");
            }
        } catch (NoSuchFileException _) {
            return;
        }
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            // Not to wait for a stopped daemon with a full queue: that one lives too.
            probe.configureBlocking(false);
            probe.connect(UnixDomainSocketAddress.of(path));
            throw inUse(path);
        } catch (ConnectException refused) {
            Files.delete(path);
        }
    }

    private static IOException inUse(Path path) {
        return new IOException("a daemon is already listening at " + path
                + ". `gpuslice info` shows it; stop it first, or choose another path with GPUSLICE_IPC_SOCK.");
    }

    /** Device and inode; none where there is nothing. */
    private static Optional<Object> identity(Path path) throws IOException {
        try {
            return Optional.of(Files.readAttributes(path, BasicFileAttributes.class, NOFOLLOW_LINKS)
                    .fileKey());
        } catch (NoSuchFileException _) {
            return Optional.empty();
        }
    }
}
