// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.DeviceId;

/**
 * What a process has to do with memory that processes share.
 *
 * @param bytes of the block, as the exporter says; of an importer: as far as it can tell, else 0
 * @param ended the process has let go of it, and whoever else uses it is not charged for it yet
 */
public record Stake(Role role, DeviceId device, long bytes, boolean ended) {

    /** On which side a process is. */
    public enum Role {
        /** The memory is part of its charge. */
        EXPORTER,
        /** It uses memory that counts for another process, or for none. */
        IMPORTER,
        /** It uses memory whose exporter is gone, and counts for it. */
        HEIR
    }

    /** Whether the memory counts for this process. */
    boolean pays() {
        return role != Role.IMPORTER;
    }

    Stake letGo() {
        return new Stake(role, device, bytes, true);
    }
}
