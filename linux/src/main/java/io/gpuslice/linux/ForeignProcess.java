// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.OptionalInt;

/**
 * What CAP_SYS_PTRACE shows of another user's process where the permissions of a file in {@code /proc} keep it back:
 * {@code fd/} and {@code environ} are for their owner's eyes, and only a capability that opens every file of the machine
 * would change that.
 */
final class ForeignProcess {
    private ForeignProcess() {}

    /** {@code struct iovec}: address and length. */
    private static final int IOVEC = 2 * Long.BYTES;

    private static final NativeFunction PROCESS_VM_READV = NativeFunction.returningLong("process_vm_readv");

    /**
     * Its environment, read where it lies; empty when it is gone.
     *
     * @param stat its line of {@code /proc/<pid>/stat}
     * @throws LinuxException EACCES when it may not be looked at, or has no memory any more
     */
    static byte[] environ(int pid, byte[] stat) throws LinuxException {
        ProcessStat.Environment environment = ProcessStat.Environment.parse(stat);
        if (environment.from() == 0) {
            throw new LinuxException("environment of " + pid, Errno.EACCES);
        }
        int size = Math.toIntExact(environment.to() - environment.from());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(size);
            long here = iovec(arena, bytes.address(), size);
            long there = iovec(arena, environment.from(), size);
            int got = (int) PROCESS_VM_READV.call(pid, pid, here, 1, there, 1, 0);
            return bytes.asSlice(0, got).toArray(JAVA_BYTE);
        } catch (LinuxException e) {
            if (e.errno() == Errno.ESRCH) {
                return new byte[0];
            }
            throw e;
        }
    }

    private static long iovec(Arena arena, long address, long length) {
        return NativeFunction.address(
                NativeFunction.struct(arena, IOVEC).putLong(0, address).putLong(Long.BYTES, length));
    }

    /**
     * A descriptor of ours for what the process's descriptor {@code number} stands for, to be closed; nothing is opened
     * for it. Empty when it has none of that number any more, or is gone.
     */
    static OptionalInt borrow(int pid, int number) throws LinuxException {
        try (Pidfd pidfd = Pidfd.open(pid)) {
            return OptionalInt.of(pidfd.borrow(number));
        } catch (LinuxException e) {
            if (e.errno() == Errno.EBADF || e.errno() == Errno.ESRCH) {
                return OptionalInt.empty();
            }
            throw e;
        }
    }
}
