// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.wire.Abi;

/** How much to hand out when something must be. */
final class GrantPolicy {
    private GrantPolicy() {}

    /**
     * Bytes by which a charge is raised: what is missing and, ahead of need, a share of what is then left of the limit,
     * so that the allocations that follow ask nobody. A member that has the device to itself gets all that is left;
     * what its siblings need of it is collected.
     *
     * <p>No more is handed out ahead than any device has: where there is hardly a limit, sums of charges would overflow.
     *
     * @param missing bytes without which the allocation does not fit, 0 … what is free; 0 raises nothing
     */
    static long raise(Ledger ledger, DeviceId device, long missing) {
        if (missing == 0 || ledger.strict()) {
            return missing;
        }
        long left = Math.min(ledger.limits().on(device), Abi.MAX_BYTES) - ledger.charged(device) - missing;
        return missing + Math.max(0, left) / ledger.sharers(device);
    }
}
