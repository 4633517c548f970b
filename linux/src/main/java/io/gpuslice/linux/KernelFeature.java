// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Optional;

/** What gpuslice asks of the kernel beyond the ordinary; each is found out by using it. */
public enum KernelFeature {
    /** To hold a process whatever becomes of its pid; since Linux 5.3. */
    PIDFD_OPEN {
        @Override
        void use() throws LinuxException {
            Pidfd.open((int) ProcessHandle.current().pid()).close();
        }
    },

    /** To hold the process at the other end of a socket without a race for its pid; since Linux 6.5. */
    SO_PEERPIDFD {
        @Override
        void use() throws LinuxException {
            try (Arena arena = Arena.ofConfined()) {
                ByteBuffer pair = NativeFunction.struct(arena, 2 * Integer.BYTES);
                NativeFunction.returningInt("socketpair")
                        .call("AF_UNIX", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, NativeFunction.address(pair));
                int[] ends = {pair.getInt(0), pair.getInt(Integer.BYTES)};
                try {
                    Fd.close(SocketOptions.getInt(ends[0], Pidfd.SO_PEERPIDFD));
                } finally {
                    Fd.close(ends[0]);
                    Fd.close(ends[1]);
                }
            }
        }
    },

    /** To share memory that the other side cannot shrink; since Linux 3.17. */
    MEMFD_SEALS {
        @Override
        void use() throws LinuxException {
            try (Memfd memfd = Memfd.create("gpuslice-feature", 1)) {
                memfd.seal();
            }
        }
    };

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_CLOEXEC = 02000000;

    /** Uses it once and leaves nothing behind. */
    abstract void use() throws LinuxException;

    /** Why it cannot be used; empty where it can. */
    public Optional<LinuxException> failure() {
        try {
            use();
            return Optional.empty();
        } catch (LinuxException e) {
            return Optional.of(e);
        }
    }
}
