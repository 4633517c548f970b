// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The guests as they are now; each stands for one pid. */
final class Population {
    private final List<Guest> guests = new ArrayList<>();

    void add(Guest guest) {
        guests.add(guest);
    }

    Guest get(int number) {
        return guests.get(number % guests.size());
    }

    List<Guest> all() {
        return guests;
    }

    /** An exec, or another process with the same pid. */
    void replace(Guest old, Guest successor) {
        guests.set(guests.indexOf(old), successor);
    }

    /** The guest, dead or alive, that is this member; null if it is a stranger or another image has its place. */
    @Nullable
    Guest member(Ledger ledger, ProcessId process) {
        for (Guest guest : guests) {
            if (guest.process.equals(process) && charged(ledger, guest) != null) {
                return guest;
            }
        }
        return null;
    }

    /** What this guest's image has been charged; null if it is no member. */
    static @Nullable Member charged(Ledger ledger, Guest guest) {
        return ledger.member(guest.process)
                .filter(member -> member.image().equals(guest.image))
                .orElse(null);
    }

    /** What the driver has really given to those that do not lie, but for what the session has not heard of yet. */
    long held(DeviceId device) {
        return guests.stream()
                .filter(guest -> !guest.forger)
                .mapToLong(
                        guest -> guest.held[guest.devices.indexOf(device)] - guest.debt[guest.devices.indexOf(device)])
                .sum();
    }
}
