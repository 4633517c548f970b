// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

/**
 * Who asks, as the kernel says it.
 *
 * @param pid of the process at the other end of the socket
 * @param uid of that process
 * @param operator whether it also showed the operator's token
 */
public record Caller(int pid, int uid, boolean operator) {}
