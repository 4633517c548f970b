// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.Fixture.MemoryPage;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Closed;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Held;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Memory that a process holds already. */
class HoldTest {
    private final Fixture session = new Fixture(10);

    @Test
    void whatFitsIsAnOrdinaryCharge() {
        session.member(ANN, 4);

        assertThat(hold(ANN, 6).change().events()).containsExactly(new Charged(ANN, GPU0, 10));
    }

    @Test
    void idleCreditOfItsOwnServesFirst() {
        session.member(ANN, 4).used[0] = 1;

        assertThat(hold(ANN, 3)).isInstanceOfSatisfying(Granted.class, granted -> {
            assertThat(granted.charge()).isEqualTo(4);
            assertThat(granted.change().events()).isEmpty();
        });
    }

    @Test
    void everybodysIdleCreditServesBeforeTheLimitIsBroken() {
        session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 2;

        assertThat(hold(ANN, 4).change().events())
                .containsExactly(new Charged(BOB, GPU0, 2), new Charged(ANN, GPU0, 8));
    }

    @Test
    void whatDoesNotFitIsChargedAllTheSameAndEveryPageIsGated() {
        MemoryPage ann = session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 5;

        Decision decision = session.carryOut(hold(ANN, 3));

        assertThat(decision)
                .isInstanceOfSatisfying(
                        Granted.class, granted -> assertThat(granted.charge()).isEqualTo(7));
        assertThat(decision.change().events()).containsExactly(new Charged(BOB, GPU0, 5), new Held(ANN, GPU0, 7));
        assertThat(session.ledger.free(GPU0)).isEqualTo(-2);
        assertThat(ann.charge[0]).isEqualTo(7 | Page.GATED);
        assertThat(bob.charge[0]).isEqualTo(5 | Page.GATED);
        ann.used[0] = 7;
        assertThat(session.charge(BOB, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 1, 12, 10));
    }

    @Test
    void theGateLiftsWhenItFitsAgain() {
        MemoryPage ann = session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        session.carryOut(hold(ANN, 3));
        ann.used[0] = 1;

        assertThat(session.carryOut(session.charge(BOB, 2))).isInstanceOf(Granted.class);
        assertThat(ann.charge[0]).isEqualTo(1);
        assertThat(bob.charge[0]).isEqualTo(8);
    }

    static Stream<LedgerEvent> ends() {
        return Stream.of(new Expired(), new Closed());
    }

    @ParameterizedTest
    @MethodSource("ends")
    void itIsChargedWhateverTheStateOfTheSession(LedgerEvent end) {
        session.member(ANN, 4);
        session.ledger = session.ledger.apply(end);

        assertThat(hold(ANN, 3).change().events()).containsExactly(new Held(ANN, GPU0, 7));
    }

    @Test
    void aStrangerHoldsNothing() {
        assertThat(hold(EVE, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.FORBIDDEN, 1, 0, 0));
    }

    @Test
    void aProcessWhosePageIsLostIsNotGrantedWhatItCouldNotUse() {
        session.member(ANN, 3);
        session.pages.remove(ANN);

        assertThat(hold(ANN, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.INTERNAL, 1, 3, 10));
    }

    @Test
    void moreThanAnyDeviceHasIsNotBelievedHoweverOftenItIsSaid() {
        MemoryPage ann = session.member(ANN, 0);
        MemoryPage bob = session.member(BOB, 0);

        assertThat(session.carryOut(hold(ANN, Abi.MAX_BYTES))).isInstanceOf(Granted.class);
        ann.used[0] = Abi.MAX_BYTES;
        for (int i = 0; i < 1000; i++) {
            assertThat(hold(i % 2 == 0 ? ANN : BOB, Abi.MAX_BYTES))
                    .isInstanceOfSatisfying(
                            Denied.class, denied -> assertThat(denied.code()).isEqualTo(ErrorCode.BAD_REQUEST));
        }
        assertThat(session.ledger.charged(GPU0)).isEqualTo(Abi.MAX_BYTES);
        assertThat(bob.charge[0] & ~Page.GATED).isZero();
    }

    @Test
    void anOrdinaryChargeOverTheLimitStaysImpossible() {
        session.member(ANN, 4);
        session.carryOut(hold(ANN, 10));

        assertThatThrownBy(() -> session.ledger.apply(new Charged(ANN, GPU0, 15)))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> session.ledger.apply(new Held(ANN, GPU0, 13)))
                .as("it takes nothing away")
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> session.ledger.apply(new Held(BOB, GPU0, 1)))
                .isInstanceOf(IllegalStateException.class);
    }

    private Decision hold(ProcessId process, long bytes) {
        return Decisions.hold(session.ledger, process, 0, bytes, session::page);
    }
}
