// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.GPU1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import io.gpuslice.domain.Status.DeviceUse;
import io.gpuslice.domain.Status.MemberUse;
import io.gpuslice.domain.Status.PageHealth;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class StatusTest {
    private final Fixture session = new Fixture(20);

    @Test
    void aLostPageAndOneThatClaimsTooMuchCountWholeAndAreMarked() {
        session.member(ANN, 4).used[0] = 1;
        session.member(BOB, 5).used[0] = 2;
        session.member(EVE, 6).used[0] = -3;
        session.pages.remove(BOB);

        Status status = Status.of(session.ledger, session::page);

        assertThat(status.members())
                .extracting(
                        MemberUse::process,
                        MemberUse::page,
                        member -> member.devices().getFirst().used())
                .containsExactly(
                        tuple(ANN, PageHealth.OK, 1L),
                        tuple(BOB, PageHealth.LOST, 5L),
                        tuple(EVE, PageHealth.SUSPECT, 6L));
        assertThat(status.devices()).containsExactly(new DeviceUse(GPU0, 20, 12, 15), new DeviceUse(GPU1, 20, 0, 0));
        assertThat(status.devices().getFirst().credit()).isEqualTo(3);
    }

    @Test
    void aDeviceThatNobodySeesHasItsLimit() {
        DeviceId unseen = new DeviceId(new UUID(9, 9));

        assertThat(Status.of(session.ledger, session::page).on(unseen, session.ledger.limits()))
                .isEqualTo(new DeviceUse(unseen, 20, 0, 0));
    }
}
