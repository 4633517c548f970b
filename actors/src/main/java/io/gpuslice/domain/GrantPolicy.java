// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/** How much to hand out when something must be. */
final class GrantPolicy {
    private GrantPolicy() {}

    /**
     * Bytes by which a charge is raised: exactly what is missing.
     *
     * @param missing bytes without which the allocation does not fit, 0 … {@code free}
     * @param free bytes of the limit that nobody has been charged
     */
    static long raise(long missing, long free) {
        if (missing < 0 || missing > free) {
            throw new IllegalArgumentException("Cannot grant " + missing + " bytes out of " + free);
        }
        return missing;
    }
}
