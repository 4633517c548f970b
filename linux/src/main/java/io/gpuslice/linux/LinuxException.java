// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;

/** A system call that failed: its name, the kernel's number and its text. */
public final class LinuxException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * A failure of {@code call}.
     *
     * @param call the call and what it was about, such as {@code open /run/x}
     * @param errno positive; {@link Errno} names some
     */
    public LinuxException(String call, int errno) {
        super(call + ": " + Errno.text(errno));
        this.call = call;
        this.errno = errno;
    }

    public String call() {
        return call;
    }

    public int errno() {
        return errno;
    }
}
