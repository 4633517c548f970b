// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;

/** Clocks of the kernel that nobody can set, and that every process sees alike. */
final class KernelClock {
    private static final NativeFunction CLOCK_GETTIME = NativeFunction.returningInt("clock_gettime");

    private KernelClock() {}

    /**
     * Reads one.
     *
     * @param id {@code CLOCK_…}
     * @return nanoseconds
     */
    static long nanos(int id) {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer timespec = NativeFunction.struct(arena, 2 * Long.BYTES);
            CLOCK_GETTIME.call("clock " + id, id, NativeFunction.address(timespec));
            return timespec.getLong(0) * 1_000_000_000L + timespec.getLong(Long.BYTES);
        } catch (LinuxException e) {
            throw new IllegalStateException("this kernel does not say how long it has been up", e);
        }
    }
}
