// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.util.Set;

/** Port: the processes that use a device, as its driver says. */
@FunctionalInterface
public interface DeviceUsers {

    /** Their pids, as the daemon sees them; none where nobody tells. May block. */
    Set<Integer> pids();
}
