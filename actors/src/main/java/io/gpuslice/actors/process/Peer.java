// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import io.gpuslice.domain.ProcessId;

/**
 * The process at the other end of a socket, as the kernel says it.
 *
 * @param process alive when the socket's first request was read
 * @param uid of that process when it connected
 */
public record Peer(ProcessId process, int uid) {}
