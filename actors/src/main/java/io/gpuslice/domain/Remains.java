// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.Map;

/**
 * Bytes of the limit that are in no page and yet not free: they count as used until nobody has them any longer.
 *
 * @param process whom they count for
 * @param held bytes, more than 0, on each device where there are any
 */
public record Remains(ProcessId process, Map<DeviceId, Long> held, Reason reason) {
    /** Why they are still there. */
    public enum Reason {
        /** The process held them when it died or became another program, and others keep them from being freed. */
        LINGERING,
        /** The process uses memory of another one that has let go of it. */
        IMPORTED
    }

    /** @throws IllegalStateException if it is about nothing, or less than that */
    public Remains {
        held = Map.copyOf(held);
        if (held.isEmpty() || held.values().stream().anyMatch(bytes -> bytes <= 0)) {
            throw new IllegalStateException("Impossible remains: of " + process + ", " + held);
        }
    }

    /** Bytes on this device. */
    public long on(DeviceId device) {
        return held.getOrDefault(device, 0L);
    }
}
