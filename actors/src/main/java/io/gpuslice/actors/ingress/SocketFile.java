// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.gpuslice.linux.LockFile;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
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

    private static final int TYPE = 0170000;
    private static final int SOCKET = 0140000;

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    /** To connect is to write. Who may, {@link Admission} asks the kernel. */
    private static final Set<PosixFilePermission> EVERYBODY = PosixFilePermissions.fromString("rw-rw-rw-");

    private static final Set<PosixFilePermission> PRIVATE_FOLDER = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> OPEN_FOLDER = PosixFilePermissions.fromString("rwxr-xr-x");

    private final Path path;
    private final LockFile lock;
    private final boolean shared;
    private Optional<Object> own = Optional.empty();

    private SocketFile(Path path, LockFile lock, boolean shared) {
        this.path = path;
        this.lock = lock;
        this.shared = shared;
    }

    /**
     * Makes room for a socket at {@code path}: its folder is there, and nothing is at the path itself.
     *
     * @param uid of the daemon
     * @param shared whether other users are to reach it
     * @throws IOException if that may not be; the message says why, and what to do
     */
    static SocketFile claim(Path path, int uid, boolean shared) throws IOException {
        int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > LONGEST) {
            throw new IOException("the socket's path has " + length + " bytes and the kernel takes " + LONGEST + ": "
                    + path + ". Choose a shorter one with GPUSLICE_IPC_SOCK or ipc.sock.");
        }
        Path folder = Objects.requireNonNull(path.getParent(), "an absolute path to a socket has a parent");
        refuseForeignLinks(folder, uid);
        create(folder, shared);
        refuseForeign(folder, uid);
        if (shared) {
            requireReachable(folder);
        }
        // Before there is a lock, which would stay behind beside what is there.
        isThere(path);
        SocketFile file = new SocketFile(path, lock(path), shared);
        try {
            file.removeStale();
            return file;
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /** To be called when the socket is bound: it is for its owner alone, or for all, whatever the umask says. */
    void bound() throws IOException {
        Files.setPosixFilePermissions(path, shared ? EVERYBODY : OWNER_ONLY);
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

    private static void create(Path folder, boolean shared) throws IOException {
        boolean isNew = Files.notExists(folder);
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(shared ? OPEN_FOLDER : PRIVATE_FOLDER));
        if (isNew && shared) {
            // The umask has taken from it what others need.
            Files.setPosixFilePermissions(folder, OPEN_FOLDER);
        }
    }

    private static void requireReachable(Path folder) throws IOException {
        int mode = (Integer) Files.getAttribute(folder, "unix:mode");
        if ((mode & 0001) == 0) {
            throw new IOException("the socket's folder " + folder + " has mode " + Integer.toOctalString(mode & 07777)
                    + ": those whom access.users, access.groups and access.admins name cannot reach the socket."
                    + " chmod 755 it, or choose another with GPUSLICE_IPC_SOCK.");
        }
    }

    /** Whoever made a link on the way can have it lead elsewhere tomorrow, to a socket of his own. */
    private static void refuseForeignLinks(Path folder, int uid) throws IOException {
        for (Path step = folder; step != null; step = step.getParent()) {
            if (!Files.isSymbolicLink(step)) {
                continue;
            }
            int owner = (Integer) Files.getAttribute(step, "unix:uid", NOFOLLOW_LINKS);
            if (owner != uid && owner != 0) {
                throw new IOException("the way to the socket's folder " + folder + " goes through " + step
                        + ", a symbolic link of uid " + owner
                        + ", who could have it lead elsewhere: choose another with"
                        + " GPUSLICE_IPC_SOCK.");
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
        if (!isThere(path)) {
            return;
        }
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            // Not to wait for a stopped daemon with a full queue: that one lives too.
            probe.configureBlocking(false);
            probe.connect(UnixDomainSocketAddress.of(path));
            throw inUse(path);
        } catch (ConnectException refused) {
            delete(path);
        } catch (SocketException e) {
            throw new IOException("there is a socket at " + path + " that cannot be connected to (" + e.getMessage()
                    + "): it may be another user's. Remove it, or choose another path with GPUSLICE_IPC_SOCK.");
        }
    }

    /** Whether a socket is there. Whatever else may be there is not to be touched. */
    private static boolean isThere(Path path) throws IOException {
        try {
            int type = (Integer) Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS) & TYPE;
            if (type != SOCKET) {
                throw new IOException("there is something at " + path
                        + " that is no socket. Move it away, or choose another path with GPUSLICE_IPC_SOCK.");
            }
            return true;
        } catch (NoSuchFileException _) {
            return false;
        }
    }

    private static void delete(Path path) throws IOException {
        try {
            Files.delete(path);
        } catch (FileSystemException e) {
            throw new IOException("there is a socket at " + path + " that nobody listens at, and it cannot be removed ("
                    + e.getReason() + "). Remove it, or choose another path with GPUSLICE_IPC_SOCK.");
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
