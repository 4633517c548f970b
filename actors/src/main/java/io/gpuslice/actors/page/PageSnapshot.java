// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

import java.util.List;

/**
 * A copy of a page's live allocations. The process goes on meanwhile: what it allocated or freed during the copy may
 * or may not be there, but each entry was true at some instant of it.
 *
 * @param truncated whether there may be more than were copied
 */
public record PageSnapshot(List<Allocation> allocations, boolean truncated) {

    /**
     * One live block.
     *
     * @param handle its address in the process
     * @param bytes as charged
     * @param device index into the process's devices; never outside them
     * @param kind GPUSLICE_KIND_* of the wire
     */
    public record Allocation(long handle, long bytes, int device, int kind) {}
}
