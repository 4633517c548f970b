// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.domain.LedgerEvent.Charged;
import java.util.ArrayList;
import java.util.List;

/** Takes idle credit back from the members, while they go on allocating and freeing. */
final class Collect {
    private Collect() {}

    /**
     * Lowers every page on this device to what its process holds and says what to journal about it. The pages
     * come first: were the journal first, a restart between the two would grant what a guest can still use.
     *
     * <p>Each member is looked at once. A lost page keeps its whole charge, and so does one that claims to hold
     * more than that.
     */
    static List<Charged> from(Ledger ledger, DeviceId device, PageLookup pages) {
        long gate = ledger.gated(device) ? Page.GATED : 0;
        List<Charged> lowered = new ArrayList<>();
        for (Member member : ledger.members()) {
            long charge = member.charge(device);
            Page page = pages.of(member.process());
            if (charge > 0 && page != null) {
                long kept = lower(page, member.devices().indexOf(device), charge, gate);
                if (kept < charge) {
                    lowered.add(new Charged(member.process(), device, kept));
                }
            }
        }
        return lowered;
    }

    private static long lower(Page page, int index, long charge, long gate) {
        long used = Used.read(page, index, charge); // READ_USED
        if (used == charge) {
            return charge;
        }
        page.storeCharge(index, used | gate); // LOWER_CHARGE
        // REREAD_USED: an allocation that did not see the lower charge has raised used before this read.
        long risen = Used.read(page, index, charge);
        if (risen <= used) {
            return used;
        }
        page.storeCharge(index, risen | gate); // RAISE_BACK
        return risen;
    }
}
