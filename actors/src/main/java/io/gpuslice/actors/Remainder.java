// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;

/**
 * Bytes of a session's limit that no member holds and that are not free either, for people. They count as used.
 *
 * @param process whose memory it was, or whom it counts for now
 * @param bytes more than 0
 */
public record Remainder(ProcessId process, DeviceId device, long bytes, Reason reason) {

    /** Why the memory is still there. */
    public enum Reason {
        /** The process is dead, but another process of the session still has its device open. */
        LINGERING,
        /** The process uses memory of another one that is gone. */
        IMPORTED
    }
}
