// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionState;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** How much each member was seen to hold, at least and at most, while one request was decided. */
final class Watched {
    private final Ledger ledger;
    private final Population guests;
    private final DeviceId device;
    private final Map<ProcessId, Long> least = new HashMap<>();
    private final Map<ProcessId, Long> most = new HashMap<>();
    /** Those whose page was not to be believed at some time. */
    private final Set<ProcessId> withoutPage = new HashSet<>();

    /** @param ledger as it is while the request is decided */
    Watched(Ledger ledger, Population guests, DeviceId device) {
        this.ledger = ledger;
        this.guests = guests;
        this.device = device;
        look();
    }

    /** To be called whenever somebody has moved. */
    void look() {
        for (Member member : ledger.members()) {
            long charge = member.charge(device);
            Guest guest = guests.member(ledger, member.process());
            boolean counts = guest != null && guest.pageCounts();
            if (!counts) {
                withoutPage.add(member.process());
            }
            long word = guest != null && counts ? guest.word(guest.devices.indexOf(device)) : -1;
            long used = Long.compareUnsigned(word, charge) <= 0 ? word : charge;
            least.merge(member.process(), used, Math::min);
            most.merge(member.process(), used, Math::max);
        }
    }

    /** The most that this one was seen to hold. */
    long most(ProcessId process) {
        return most.getOrDefault(process, 0L);
    }

    /** The most that all of them were seen to hold, the dead included. */
    long mostOfAll() {
        return ledger.remaining(device)
                + most.values().stream().mapToLong(Long::longValue).sum();
    }

    void check(Guest guest, Denied denied) {
        long atMost = mostOfAll();
        long atLeast = ledger.remaining(device)
                + least.values().stream().mapToLong(Long::longValue).sum();
        assertThat(denied.used()).as("used, as denied to %s", guest).isBetween(atLeast, atMost);
        assertThat(denied.limit()).isEqualTo(ledger.limits().on(device));
        switch (denied.code()) {
            case QUOTA_EXCEEDED ->
                assertThat(denied.asked())
                        .as("refused only if it does not fit: limit %d, used %d…%d", denied.limit(), atLeast, atMost)
                        .isGreaterThan(denied.limit() - atMost);
            case SESSION_EXPIRED -> assertThat(ledger.state()).isEqualTo(SessionState.EXPIRED);
            case SESSION_CLOSED -> assertThat(ledger.state()).isEqualTo(SessionState.CLOSED);
            case INTERNAL -> assertThat(withoutPage).contains(guest.process);
            default -> throw new AssertionError("denied for another reason: " + denied);
        }
    }
}
