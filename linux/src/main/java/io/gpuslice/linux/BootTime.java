// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;

/** How long this machine has been up. Nobody can set this clock; it goes on while the machine sleeps. */
public final class BootTime {

    private static final int CLOCK_BOOTTIME = 7;

    private static final NativeFunction CLOCK_GETTIME = NativeFunction.returningInt("clock_gettime");

    private BootTime() {}

    /** Nanoseconds since the machine started: the same clock for every process until it starts again. */
    public static long nanos() {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer timespec = NativeFunction.struct(arena, 2 * Long.BYTES);
            CLOCK_GETTIME.call("CLOCK_BOOTTIME", CLOCK_BOOTTIME, NativeFunction.address(timespec));
            return timespec.getLong(0) * 1_000_000_000L + timespec.getLong(Long.BYTES);
        } catch (LinuxException e) {
            throw new IllegalStateException("this kernel does not say how long it has been up", e);
        }
    }
}
