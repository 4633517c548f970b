// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory that nobody but this user can enter, also where others may create entries beside it, as in /tmp. */
public final class PrivateDirectory {
    private PrivateDirectory() {}

    private static final int PRIVATE = 0700;
    private static final int PERMISSIONS = 0777;

    private static final NativeFunction MKDIR = NativeFunction.returningInt("mkdir");
    private static final NativeFunction FCHMOD = NativeFunction.returningInt("fchmod");
    private static final NativeFunction GETEUID = NativeFunction.returningInt("geteuid");

    /**
     * Creates {@code path} with mode 0700, whatever the umask, and its parents with the user's defaults. One that exists
     * is checked instead.
     *
     * @throws IOException when what is there is not a directory (a symbolic link is not), belongs to another user, or
     *     can be entered by others
     */
    public static void create(Path path) throws IOException {
        Path absolute = path.toAbsolutePath();
        if (absolute.getParent() != null) {
            Files.createDirectories(absolute.getParent());
        }
        byte[] bytes = absolute.toString().getBytes(StandardCharsets.UTF_8);
        boolean created = mkdir(absolute, bytes);
        int fd;
        try {
            fd = Fd.open(bytes, Fd.O_RDONLY | Fd.O_DIRECTORY | Fd.O_NOFOLLOW | Fd.O_CLOEXEC, 0);
        } catch (LinuxException e) {
            if (e.errno() == Errno.ENOTDIR || e.errno() == Errno.ELOOP) {
                throw new IOException(
                        absolute + " is not a directory (symbolic links are not followed here): remove it,"
                                + " or choose another place");
            }
            throw e;
        }
        try {
            Fd.Stat stat = Fd.stat(fd);
            if (stat.uid() != uid()) {
                throw new IOException(absolute + " belongs to uid " + stat.uid() + ", not to uid " + uid()
                        + ": somebody else made it; choose another place");
            }
            if (created) {
                FCHMOD.call(absolute, fd, PRIVATE);
            } else if ((stat.mode() & PERMISSIONS & ~PRIVATE) != 0) {
                throw new IOException(String.format(
                        "%s has mode %04o, so others can look into it: chmod 700 it",
                        absolute, stat.mode() & PERMISSIONS));
            }
        } finally {
            Fd.close(fd);
        }
    }

    /** The user that this process acts as. */
    public static int uid() {
        return (int) GETEUID.result();
    }

    private static boolean mkdir(Path path, byte[] bytes) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            MKDIR.call(path, NativeFunction.cString(arena, bytes), PRIVATE);
            return true;
        } catch (LinuxException e) {
            if (e.errno() == Errno.EEXIST) {
                return false;
            }
            throw e;
        }
    }
}
