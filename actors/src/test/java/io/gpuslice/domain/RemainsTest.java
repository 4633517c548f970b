// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.GPU1;
import static io.gpuslice.domain.Fixture.IMAGE;
import static io.gpuslice.domain.Fixture.OTHER_IMAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.Fixture.MemoryPage;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.Lingered;
import io.gpuslice.domain.LedgerEvent.Lingers;
import io.gpuslice.domain.LedgerEvent.Reason;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What dead members leave behind. */
class RemainsTest {
    private final Fixture session = new Fixture(10);

    @Test
    void whatTheDeadHeldStaysCountedAndItsCreditIsReturnedAtOnce() {
        session.member(ANN, 6).used[0] = 4;
        session.member(BOB, 4);

        Change change = lingers(ANN);
        session.carryOut(change);

        assertThat(change.events()).containsExactly(new Lingers(ANN, IMAGE, Map.of(GPU0, 4L)));
        assertThat(session.ledger.member(ANN)).isEmpty();
        assertThat(session.ledger.charged(GPU0)).isEqualTo(8);
        assertThat(session.ledger.remaining(GPU0)).isEqualTo(4);
        assertThat(session.charge(BOB, 2)).isInstanceOf(Granted.class);
        assertThat(session.charge(BOB, 3)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 3, 8, 10));
    }

    @Test
    void itIsUsedAndNoCredit() {
        session.member(ANN, 6).used[0] = 4;
        session.carryOut(lingers(ANN));

        Status.DeviceUse use = Status.of(session.ledger, session::page).on(GPU0, session.ledger.limits());

        assertThat(use).isEqualTo(new Status.DeviceUse(GPU0, 10, 4, 4));
    }

    @Test
    void whenNobodyKeepsItAnyLongerItIsReturnedOnce() {
        session.member(ANN, 6);
        session.carryOut(lingers(ANN));

        Change change = Decisions.lingered(session.ledger, ANN);
        session.carryOut(change);

        assertThat(change.events()).containsExactly(new Lingered(ANN, Map.of(GPU0, 6L)));
        assertThat(session.ledger.charged(GPU0)).isZero();
        assertThat(Decisions.lingered(session.ledger, ANN)).isEqualTo(Change.NONE);
        assertThat(Decisions.died(session.ledger, ANN)).isEqualTo(Change.NONE);
    }

    @Test
    void itsReturnLiftsTheGateOfALoweredLimit() {
        session.member(ANN, 6);
        MemoryPage bob = session.member(BOB, 4);
        session.carryOut(lingers(ANN));
        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(5), session::page));
        assertThat(bob.charge[0]).isEqualTo(4 | Page.GATED);

        session.carryOut(Decisions.lingered(session.ledger, ANN));

        assertThat(bob.charge[0]).isEqualTo(4);
    }

    @Test
    void ofALostPageTheWholeChargeIsLeftBehind() {
        session.member(ANN, 6).used[0] = 1;
        session.pages.remove(ANN);

        assertThat(lingers(ANN).events()).containsExactly(new Lingers(ANN, IMAGE, Map.of(GPU0, 6L)));
    }

    @Test
    void oneThatHeldNothingLeavesNothingBehind() {
        session.member(ANN, 6).used[0] = 0;

        assertThat(lingers(ANN).events()).containsExactly(new Left(ANN, IMAGE, Reason.DIED, Map.of(GPU0, 6L)));
        assertThat(lingers(EVE)).isEqualTo(Change.NONE);
    }

    @Test
    void whatOneImageAfterTheOtherLeavesBehindAddsUpAndOutlivesThemAll() {
        session.member(ANN, 6).used[0] = 4;
        session.carryOut(outlived(IMAGE));
        session.member(ANN, 3).used[0] = 2;
        assertThat(outlived(OTHER_IMAGE)).as("it is no member with that").isEqualTo(Change.NONE);
        session.carryOut(outlived(IMAGE));
        session.member(ANN, 1);

        session.carryOut(Decisions.died(session.ledger, ANN));

        assertThat(session.ledger.remains(ANN).orElseThrow().held()).isEqualTo(Map.of(GPU0, 6L));
        assertThat(session.ledger.charged(GPU0)).isEqualTo(6);
    }

    @Test
    void anImageThatHeldNothingHasBeenLeftByAnExec() {
        session.member(ANN, 6).used[0] = 0;

        assertThat(outlived(IMAGE).events()).containsExactly(new Left(ANN, IMAGE, Reason.EXECED, Map.of(GPU0, 6L)));
    }

    @Test
    void whatAnEarlierImageLeftIsReturnedWithoutWhatTheLivingOneHas() {
        session.member(ANN, 6);
        session.carryOut(outlived(IMAGE));
        session.member(ANN, 3);
        session.ledger = session.ledger.apply(new LedgerEvent.Imported(ANN, GPU0, 1));

        session.carryOut(Decisions.lingered(session.ledger, ANN));

        assertThat(session.ledger.remains(ANN)).isEmpty();
        assertThat(session.ledger.imported(ANN, GPU0)).isEqualTo(1);
        assertThat(session.ledger.charged(GPU0)).isEqualTo(4);
    }

    static Stream<LedgerEvent> impossible() {
        return Stream.of(
                new Lingers(ANN, OTHER_IMAGE, Map.of(GPU0, 1L)),
                new Lingers(ANN, IMAGE, Map.of(GPU0, 7L)),
                new Lingers(ANN, IMAGE, Map.of(GPU1, 1L)),
                new Lingers(ANN, IMAGE, Map.of()),
                new Lingers(EVE, IMAGE, Map.of(GPU0, 1L)),
                new Lingered(ANN, Map.of(GPU0, 6L)),
                new Lingered(BOB, Map.of(GPU0, 3L)));
    }

    @ParameterizedTest
    @MethodSource("impossible")
    void whatCannotHaveHappenedIsRefused(LedgerEvent event) {
        session.member(ANN, 6);
        session.member(BOB, 4);
        session.carryOut(lingers(BOB));

        assertThatThrownBy(() -> session.ledger.apply(List.of(event))).isInstanceOf(IllegalStateException.class);
    }

    private Change outlived(ImageId image) {
        return Decisions.outlived(session.ledger, ANN, image, session::page);
    }

    private Change lingers(ProcessId process) {
        return Decisions.lingers(session.ledger, process, session::page);
    }
}
