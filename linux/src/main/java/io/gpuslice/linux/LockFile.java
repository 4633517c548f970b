// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * An exclusive lock that the kernel lets go when its holder ends, however it ends. flock(2), because the locks of
 * java.nio are lost when anything in the process closes the same file. The file stays: removing it would let two
 * processes lock two files of one name.
 */
public final class LockFile implements AutoCloseable {
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;
    private static final int PRIVATE = 0600;

    private static final NativeFunction FLOCK = NativeFunction.returningInt("flock");

    private final int fd;

    private LockFile(int fd) {
        this.fd = fd;
    }

    /**
     * Takes the lock if nobody has it; the file is created when it does not exist, and never followed when it is a
     * symbolic link.
     *
     * @throws IOException if it cannot be opened, or is another user's
     */
    public static Optional<LockFile> tryLock(Path path) throws IOException {
        return lock(path, LOCK_EX | LOCK_NB);
    }

    /** Waits for the lock as long as it takes. */
    public static LockFile lock(Path path) throws IOException {
        return lock(path, LOCK_EX).orElseThrow();
    }

    private static Optional<LockFile> lock(Path path, int operation) throws IOException {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        int fd = Fd.open(bytes, Fd.O_RDWR | Fd.O_CREAT | Fd.O_NOFOLLOW | Fd.O_CLOEXEC, PRIVATE);
        try {
            refuseForeign(path, Fd.stat(fd).uid());
            FLOCK.restart(path, fd, operation);
            return Optional.of(new LockFile(fd));
        } catch (IOException e) {
            Fd.close(fd);
            if (e instanceof LinuxException failed && failed.errno() == Errno.EAGAIN) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** Whoever made the file can hold its lock for ever. Who owns the directory could do so by other means. */
    private static void refuseForeign(Path path, int owner) throws IOException {
        Object directorys = Files.getAttribute(path.toAbsolutePath().getParent(), "unix:uid");
        if (owner != PrivateDirectory.uid() && owner != 0 && !directorys.equals(owner)) {
            throw new IOException(path + " belongs to uid " + owner + ": somebody else made it; choose another place");
        }
    }

    /** Lets the lock go. */
    @Override
    public void close() throws LinuxException {
        Fd.close(fd);
    }
}
