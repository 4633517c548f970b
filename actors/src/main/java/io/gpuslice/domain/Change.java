// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.List;

/**
 * What a decision makes of the world, to be carried out in this order: persist all events at once, make the
 * writes, answer.
 *
 * @param events to be journaled in one atomic write; empty where nothing is to be journaled
 * @param writes to be made after that
 */
public record Change(List<LedgerEvent> events, List<PageWrite> writes) {
    /** Nothing to do. */
    public static final Change NONE = new Change(List.of(), List.of());

    public Change {
        events = List.copyOf(events);
        writes = List.copyOf(writes);
    }
}
