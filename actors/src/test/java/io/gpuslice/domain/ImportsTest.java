// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.IMAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Fixture.MemoryPage;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Imported;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.Reason;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Memory that a member uses although its exporter is gone. */
class ImportsTest {
    private final Fixture session = new Fixture(10);

    @Test
    void whatIsTakenOverCountsAsUsedAndNotAsCredit() {
        session.member(ANN, 4);

        session.carryOut(takeOver(ANN, 3));
        session.carryOut(takeOver(ANN, 2));

        assertThat(session.ledger.imported(ANN, GPU0)).isEqualTo(5);
        assertThat(Status.of(session.ledger, session::page).on(GPU0, session.ledger.limits()))
                .isEqualTo(new Status.DeviceUse(GPU0, 10, 9, 9));
        assertThat(session.charge(ANN, 2)).isInstanceOf(Denied.class);
    }

    @Test
    void idleCreditIsCollectedBeforeTheSessionIsOverItsLimit() {
        MemoryPage ann = session.member(ANN, 8);
        ann.used[0] = 3;

        Change change = takeOver(ANN, 7);
        session.carryOut(change);

        assertThat(change.events()).containsExactly(new Charged(ANN, GPU0, 3), new Imported(ANN, GPU0, 7));
        assertThat(ann.charge[0]).as("it just fits: no gate").isEqualTo(3);
    }

    @Test
    void overTheLimitEveryPageIsGatedUntilItIsLetGo() {
        MemoryPage ann = session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 4);

        session.carryOut(takeOver(ANN, 3));
        assertThat(List.of(ann.charge[0], bob.charge[0])).containsOnly(4 | Page.GATED);

        Change change = Imports.letGo(session.ledger, ANN, GPU0, 3);
        session.carryOut(change);

        assertThat(change.events()).containsExactly(new Imported(ANN, GPU0, 0));
        assertThat(List.of(ann.charge[0], bob.charge[0])).containsOnly(4L);
        assertThat(session.ledger.remains()).isEmpty();
    }

    @Test
    void aMemberThatLeavesUsesNothingAnyMore() {
        session.member(ANN, 4);
        session.carryOut(takeOver(ANN, 3));

        Change change = Decisions.died(session.ledger, ANN);
        session.carryOut(change);

        assertThat(change.events()).containsExactly(new Left(ANN, IMAGE, Reason.DIED, Map.of(GPU0, 4L)));
        assertThat(session.ledger.charged(GPU0)).isZero();
    }

    @Test
    void noDeviceHasMoreThanCanBeCounted() {
        session.member(ANN, 4);

        assertThat(takeOver(ANN, Long.MAX_VALUE)).isEqualTo(Change.NONE);
    }

    static Stream<LedgerEvent> impossible() {
        return Stream.of(new Imported(EVE, GPU0, 1), new Imported(ANN, GPU0, -1));
    }

    @ParameterizedTest
    @MethodSource("impossible")
    void whatCannotHaveHappenedIsRefused(LedgerEvent event) {
        session.member(ANN, 4);

        assertThatThrownBy(() -> session.ledger.apply(List.of(event))).isInstanceOf(IllegalStateException.class);
    }

    private Change takeOver(ProcessId process, long bytes) {
        return Imports.takeOver(session.ledger, process, GPU0, bytes, session::page);
    }
}
