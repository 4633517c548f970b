// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.UUID;

/**
 * One GPU, by the UUID its driver reports. Never by index: {@code CUDA_VISIBLE_DEVICES} renumbers.
 *
 * @param uuid the device's UUID, in the order in which its 16 bytes stand on the wire
 */
public record DeviceId(UUID uuid) {
    private static final String PREFIX = "GPU-";

    /**
     * Reads the form that {@code nvidia-smi -L} prints.
     *
     * @throws IllegalArgumentException if the text is not {@code GPU-} and a UUID
     */
    public static DeviceId valueOf(String text) {
        if (!text.startsWith(PREFIX)) {
            throw new IllegalArgumentException(
                    "Not a device: \"" + text + "\". A device reads GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.");
        }
        return new DeviceId(UUID.fromString(text.substring(PREFIX.length())));
    }

    @Override
    public String toString() {
        return PREFIX + uuid;
    }
}
