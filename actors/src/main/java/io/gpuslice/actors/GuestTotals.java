// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.util.concurrent.atomic.AtomicLong;

/** Adds up what the guests of all sessions do. Shared by the sessions' actors; outlives each of them. */
final class GuestTotals {

    private final AtomicLong allocations = new AtomicLong();
    private final AtomicLong frees = new AtomicLong();
    private final AtomicLong denials = new AtomicLong();

    /** @param more that was done since the last call for the same guest */
    void add(SessionView.Counters more) {
        add(allocations, more.allocations());
        add(frees, more.frees());
        add(denials, more.denials());
    }

    /** A guest can write any number into its page, so none may turn the sum back. */
    private static void add(AtomicLong sum, long more) {
        if (more > 0) {
            sum.updateAndGet(former -> former > Long.MAX_VALUE - more ? Long.MAX_VALUE : former + more);
        }
    }

    Totals now() {
        return new Totals(allocations.get(), frees.get(), denials.get());
    }
}
