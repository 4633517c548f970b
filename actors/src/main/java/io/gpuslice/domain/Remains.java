// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.Map;

/**
 * What a dead member held and others still keep from being freed. It counts as used until they are gone.
 *
 * @param process the dead one
 * @param held bytes, more than 0, on each device where there are any
 */
public record Remains(ProcessId process, Map<DeviceId, Long> held) {
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
