// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

/** How long this machine has been up. Nobody can set this clock; it goes on while the machine sleeps. */
public final class BootTime {

    private static final int CLOCK_BOOTTIME = 7;

    private BootTime() {}

    /** Nanoseconds since the machine started: the same clock for every process until it starts again. */
    public static long nanos() {
        return KernelClock.nanos(CLOCK_BOOTTIME);
    }
}
