// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.Map;

/**
 * How much a session may hold on each device.
 *
 * @param defaultBytes on every device that is not named, 0 … 2^63−1; 0 refuses everything there
 * @param perDevice bytes on the devices that are named, each 0 … 2^63−1
 */
public record Limits(long defaultBytes, Map<DeviceId, Long> perDevice) {
    /** @throws IllegalArgumentException if an amount is negative */
    public Limits {
        perDevice = Map.copyOf(perDevice);
        if (defaultBytes < 0 || perDevice.values().stream().anyMatch(bytes -> bytes < 0)) {
            throw new IllegalArgumentException("A limit cannot be negative: " + defaultBytes + ", " + perDevice);
        }
    }

    /** The same limit on every device. */
    public static Limits everywhere(long bytes) {
        return new Limits(bytes, Map.of());
    }

    /** Bytes that the session may hold on this device. */
    public long on(DeviceId device) {
        return perDevice.getOrDefault(device, defaultBytes);
    }
}
