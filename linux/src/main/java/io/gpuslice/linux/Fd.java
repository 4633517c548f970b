// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Calls on descriptors and paths that several classes here need. Paths are bytes: the kernel knows no encoding. */
final class Fd {
    private Fd() {}

    static final int O_RDONLY = 0;
    static final int O_RDWR = 02;
    static final int O_CREAT = 0100;
    static final int O_NOCTTY = 0400;
    static final int O_NONBLOCK = 04000;
    static final int O_CLOEXEC = 02000000;
    static final int O_PATH = 010000000;
    // The architectures disagree about these two.
    static final int O_DIRECTORY = Machine.IS_ARM ? 040000 : 0200000;
    static final int O_NOFOLLOW = Machine.IS_ARM ? 0100000 : 0400000;

    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_SIZE = 256;
    private static final int F_SETFD = 2;
    private static final int FD_CLOEXEC = 1;

    private static final NativeFunction OPEN = NativeFunction.returningInt("open");
    private static final NativeFunction CLOSE = NativeFunction.returningInt("close");
    private static final NativeFunction FCNTL = NativeFunction.returningInt("fcntl");
    private static final NativeFunction STATX = NativeFunction.returningInt("statx");
    private static final NativeFunction PREAD = NativeFunction.returningLong("pread");

    /** What statx(2) says. {@code dev} is major &lt;&lt; 32 | minor; {@code mode} has the type bits. */
    record Stat(int mode, int uid, int gid, long dev, long ino, long size) {
        private static final int S_IFMT = 0170000;

        boolean isDirectory() {
            return (mode & S_IFMT) == 0040000;
        }

        boolean isRegularFile() {
            return (mode & S_IFMT) == 0100000;
        }
    }

    static int open(byte[] path, int flags, int mode) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            return (int) OPEN.restart(text(path), NativeFunction.cString(arena, path), flags, mode);
        }
    }

    static int open(String path, int flags) throws LinuxException {
        return open(path.getBytes(StandardCharsets.UTF_8), flags, 0);
    }

    /** Never to be repeated: also a failed close has closed. */
    static void close(int fd) throws LinuxException {
        CLOSE.call(fd, fd);
    }

    static int fcntl(int fd, int command, int argument) throws LinuxException {
        return (int) FCNTL.call(fd, fd, command, argument);
    }

    static void closeOnExec(int fd) throws LinuxException {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }

    static Stat stat(int fd) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer out = NativeFunction.struct(arena, STATX_SIZE);
            long noPath = NativeFunction.cString(arena, new byte[0]);
            STATX.call(fd, fd, noPath, AT_EMPTY_PATH, STATX_BASIC_STATS, NativeFunction.address(out));
            return new Stat(
                    Short.toUnsignedInt(out.getShort(28)),
                    out.getInt(20),
                    out.getInt(24),
                    (long) out.getInt(136) << 32 | Integer.toUnsignedLong(out.getInt(140)),
                    out.getLong(32),
                    out.getLong(40));
        }
    }

    /** Reads until {@code size} bytes are there or the file ends; the result has as many bytes as there were. */
    static byte[] read(int fd, long offset, int size) throws LinuxException {
        byte[] bytes = new byte[size];
        int done = 0;
        while (done < size) {
            int got = read(fd, offset + done, bytes, done);
            if (got == 0) {
                return Arrays.copyOf(bytes, done);
            }
            done += got;
        }
        return bytes;
    }

    /** Reads until the end, which may be where stat(2) does not say: files of /proc have no size. */
    static byte[] readAll(int fd) throws LinuxException {
        byte[] bytes = new byte[4096];
        int done = 0;
        while (true) {
            int got = read(fd, done, bytes, done);
            if (got == 0) {
                return Arrays.copyOf(bytes, done);
            }
            done += got;
            if (done == bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.multiplyExact(bytes.length, 2));
            }
        }
    }

    /** Reads once, into {@code bytes} from index {@code at} to its end; 0 at the file's end. */
    private static int read(int fd, long offset, byte[] bytes, int at) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(bytes.length - at);
            int got = (int) PREAD.restart(fd, fd, buffer.address(), buffer.byteSize(), offset);
            MemorySegment.copy(buffer, JAVA_BYTE, 0, bytes, at, got);
            return got;
        }
    }

    /** A path for a message. */
    static String text(byte[] path) {
        return new String(path, StandardCharsets.UTF_8);
    }
}
