// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * A process beyond doubt: a pid alone is given to another process sooner or later, a restart included.
 *
 * @param bootId the kernel's boot id: which life of the machine
 * @param pid as the daemon sees it
 * @param startTime clock ticks after boot, field 22 of {@code /proc/<pid>/stat}
 */
public record ProcessId(String bootId, int pid, long startTime) {
    @Override
    public String toString() {
        return "pid " + pid;
    }
}
