// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.DeviceId;

/**
 * What a session may hold, holds and has handed out on one device, in bytes. Charge − used is its idle credit.
 *
 * @param limit what the session may hold there
 * @param used what its processes hold there
 * @param charge what its processes have been handed of the limit
 */
public record DeviceUse(DeviceId device, long limit, long used, long charge) {

    public long credit() {
        return charge - used;
    }
}
