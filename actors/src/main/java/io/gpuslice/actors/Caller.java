// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.util.Set;

/**
 * Who asks, as the kernel says it.
 *
 * @param pid of the process at the other end of the socket
 * @param uid of that process
 * @param gids of its groups, where the kernel tells them
 * @param operator whether it also showed the operator's token
 */
public record Caller(int pid, int uid, Set<Integer> gids, boolean operator) {

    /** One whose groups the kernel does not tell, as those of an HTTP client. */
    public Caller(int pid, int uid, boolean operator) {
        this(pid, uid, Set.of(), operator);
    }

    /** The same, who showed the operator's token. */
    public Caller asOperator() {
        return new Caller(pid, uid, gids, true);
    }
}
