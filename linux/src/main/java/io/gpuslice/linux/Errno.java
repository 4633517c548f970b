// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.MemorySegment;

/** Error numbers of the kernel that callers tell apart; the same on every architecture that CUDA runs on. */
public final class Errno {
    private Errno() {}

    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int ESRCH = 3;
    public static final int EINTR = 4;
    public static final int ENOEXEC = 8;
    public static final int EBADF = 9;
    public static final int EAGAIN = 11;
    public static final int ENXIO = 6;
    public static final int EACCES = 13;
    public static final int EEXIST = 17;
    public static final int ENOTDIR = 20;
    public static final int EISDIR = 21;
    public static final int EINVAL = 22;
    public static final int EPIPE = 32;
    public static final int ERANGE = 34;
    public static final int ELOOP = 40;
    public static final int ENODATA = 61;
    public static final int ENOPROTOOPT = 92;
    public static final int EOPNOTSUPP = 95;
    public static final int ECONNRESET = 104;
    public static final int ECONNREFUSED = 111;

    private static final int LONGEST_TEXT = 256;
    private static final NativeFunction STRERROR = NativeFunction.returningLong("strerror");

    /** The C library's text for {@code errno}, such as "Permission denied". */
    public static String text(int errno) {
        return MemorySegment.ofAddress(STRERROR.result(errno))
                .reinterpret(LONGEST_TEXT)
                .getString(0);
    }
}
