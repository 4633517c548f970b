// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.Status;
import org.jspecify.annotations.Nullable;

/** What holds at every instant, between any two steps of anybody. */
final class Invariants {
    private Invariants() {}

    static void check(Ledger ledger, Population guests) {
        for (Guest guest : guests.all()) {
            Member member = Population.charged(ledger, guest);
            for (int i = 0; i < guest.devices.size(); i++) {
                long charge = member == null ? 0 : member.charges().get(i);
                assertThat(guest.chargeOf(i))
                        .as("page of %s, journal %d", guest, charge)
                        .isBetween(0L, guest.dead || member == null ? Long.MAX_VALUE : charge);
                if (!guest.forger) { // one that claims to hold less than it does escapes: nobody else pays for it
                    assertThat(guest.held[i])
                            .as("held by %s", guest)
                            .isBetween(0L, guest.dead ? 0 : charge + guest.debt[i]);
                }
                if (!guest.forger && !guest.dead) {
                    assertThat(guest.used[i])
                            .as("used by %s", guest)
                            .isGreaterThanOrEqualTo(guest.held[i] - guest.debt[i]);
                    if (guest.idle()) {
                        assertThat(guest.used[i])
                                .as("used by %s at rest", guest)
                                .isEqualTo(guest.held[i]);
                    }
                }
            }
        }
        for (Status.DeviceUse use : Status.of(ledger, process -> page(guests.member(ledger, process)))
                .devices()) {
            assertThat(use.used()).as("used on %s", use.device()).isBetween(0L, use.charge());
            assertThat(use.charge()).isEqualTo(ledger.charged(use.device()));
        }
    }

    /** The page without disturbing anybody. */
    private static @Nullable Page page(@Nullable Guest guest) {
        return guest == null || !guest.pageCounts()
                ? null
                : new Page() {
                    @Override
                    public void storeCharge(int device, long word) {
                        throw new AssertionError("a status changes nothing");
                    }

                    @Override
                    public long used(int device) {
                        return guest.word(device);
                    }
                };
    }
}
