// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import org.jspecify.annotations.Nullable;

/** What a member holds, as far as it is believed: never more than it was charged, whatever its page says. */
final class Used {
    private Used() {}

    /** Bytes between 0 and {@code charge}; the whole charge where the page is lost or claims more. */
    static long read(@Nullable Page page, int device, long charge) {
        if (page == null) {
            return charge;
        }
        long used = page.used(device);
        return exceeds(used, charge) ? charge : used;
    }

    /** The word is unsigned: one that wrapped below 0 is a huge one. */
    static boolean exceeds(long used, long charge) {
        return Long.compareUnsigned(used, charge) > 0;
    }

    /** Bytes held on this device by all members together, and what counts beside their pages. */
    static long sum(Ledger ledger, DeviceId device, PageLookup pages) {
        long sum = ledger.remaining(device);
        for (Member member : ledger.members()) {
            int index = member.devices().indexOf(device);
            if (index >= 0) {
                sum += read(pages.of(member.process()), index, member.charges().get(index));
            }
        }
        return sum;
    }
}
