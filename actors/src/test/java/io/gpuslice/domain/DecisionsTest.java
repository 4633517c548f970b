// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.GPU1;
import static io.gpuslice.domain.Fixture.IMAGE;
import static io.gpuslice.domain.Fixture.OTHER_IMAGE;
import static io.gpuslice.domain.Fixture.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.Fixture.MemoryPage;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Joined;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.LimitChanged;
import io.gpuslice.domain.LedgerEvent.Reason;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DecisionsTest {
    private final Fixture session = new Fixture(10);

    @Test
    void aChargeIsRaisedByWhatIsMissing() {
        session.member(ANN, 3).used[0] = 1;
        session.member(BOB, 5);

        Decision decision = session.charge(ANN, 4);

        assertThat(decision)
                .isEqualTo(new Granted(
                        new Change(List.of(new Charged(ANN, GPU0, 5)), List.of(new PageWrite(ANN, 0, 5))), 5));
    }

    @Test
    void idleCreditOfItsOwnNeedsNoJournalButItsPageIsWritten() {
        session.member(ANN, 5).used[0] = 1;

        Decision decision = session.charge(ANN, 4);

        assertThat(decision).isEqualTo(new Granted(new Change(List.of(), List.of(new PageWrite(ANN, 0, 5))), 5));
    }

    @Test
    void aChargeOverTheLimitIsDeniedWithTheNumbersAndDisturbsNobody() {
        MemoryPage ann = session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 5;

        Decision decision = session.charge(ANN, 2);

        assertThat(decision).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 2, 9, 10));
        assertThat(ann.stores + bob.stores).isZero();
    }

    @Test
    void creditOfASiblingIsCollectedPageFirstAndJournaledWithTheGrant() {
        session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 1;

        Decision decision = session.charge(ANN, 5);

        assertThat(bob.charge[0]).isEqualTo(1);
        assertThat(decision.change().events()).containsExactly(new Charged(BOB, GPU0, 1), new Charged(ANN, GPU0, 9));
        assertThat(session.carryOut(decision))
                .isInstanceOfSatisfying(
                        Granted.class, granted -> assertThat(granted.charge()).isEqualTo(9));
    }

    @Test
    void whatASiblingAllocatesDuringTheCollectStaysItsOwn() {
        session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 1;
        bob.afterRead = () -> bob.used[0] = 6;

        Decision decision = session.charge(ANN, 5);

        assertThat(bob.charge[0]).isEqualTo(6);
        assertThat(decision).isInstanceOfSatisfying(Denied.class, denied -> {
            assertThat(denied.code()).isEqualTo(ErrorCode.QUOTA_EXCEEDED);
            assertThat(denied.used()).isEqualTo(10);
        });
    }

    @Test
    void aLostPageCountsItsWholeCharge() {
        session.member(ANN, 4);
        session.member(BOB, 6).used[0] = 0;
        session.pages.remove(BOB);

        assertThat(session.charge(ANN, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 1, 10, 10));
    }

    @ParameterizedTest
    @ValueSource(longs = {7, Long.MAX_VALUE, Long.MIN_VALUE, -1})
    void aPageThatClaimsMoreThanItsChargeCountsTheChargeAndIsLeftAlone(long claim) {
        session.member(ANN, 3);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = claim;

        assertThat(session.charge(ANN, 2)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 2, 9, 10));
        assertThat(session.charge(ANN, 1)).isInstanceOf(Granted.class);
        assertThat(bob.stores).isZero();
    }

    @Test
    void aProcessWhosePageIsLostIsNotGrantedWhatItCouldNotUse() {
        session.member(ANN, 3);
        session.pages.remove(ANN);

        assertThat(session.charge(ANN, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.INTERNAL, 1, 3, 10));
    }

    @Test
    void aStrangerIsDenied() {
        assertThat(session.charge(EVE, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.FORBIDDEN, 1, 0, 0));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 2, Integer.MAX_VALUE})
    void aDeviceThatItsHelloDidNotNameIsABadRequest(int device) {
        session.member(ANN, 0);

        assertThat(Decisions.charge(session.ledger, ANN, device, 1, session::page))
                .isInstanceOfSatisfying(
                        Denied.class, denied -> assertThat(denied.code()).isEqualTo(ErrorCode.BAD_REQUEST));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void noBytesAreABadRequest(long bytes) {
        session.member(ANN, 0);

        assertThat(session.charge(ANN, bytes))
                .isInstanceOfSatisfying(
                        Denied.class, denied -> assertThat(denied.code()).isEqualTo(ErrorCode.BAD_REQUEST));
    }

    @Test
    void theLargestNumbersDoNotOverflow() {
        Fixture huge = new Fixture(Long.MAX_VALUE);
        MemoryPage ann = huge.member(ANN, 0);
        huge.member(BOB, 1);

        assertThat(huge.carryOut(huge.charge(ANN, Long.MAX_VALUE)))
                .isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, Long.MAX_VALUE, 1, Long.MAX_VALUE));
        assertThat(huge.carryOut(huge.charge(ANN, Long.MAX_VALUE - 1))).isInstanceOf(Granted.class);
        ann.used[0] = Long.MAX_VALUE - 1;
        assertThat(huge.charge(ANN, Long.MAX_VALUE))
                .isEqualTo(new Denied(
                        Change.NONE, ErrorCode.QUOTA_EXCEEDED, Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE));
        assertThat(huge.ledger.charged(GPU0)).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void devicesDoNotShareALimit() {
        Fixture two = new Fixture(new Limits(0, Map.of(GPU0, 4L, GPU1, 2L)), false);
        two.member(ANN, 4);

        assertThat(Decisions.charge(two.ledger, ANN, 1, 2, two::page)).isInstanceOf(Granted.class);
        assertThat(Decisions.charge(two.ledger, ANN, 1, 3, two::page))
                .isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 3, 0, 2));
    }

    @Test
    void aStrictSessionGrantsButKeepsTheGate() {
        Fixture strict = new Fixture(Limits.everywhere(10), true);
        strict.member(ANN, 0);

        assertThat(strict.charge(ANN, 2).change().writes()).containsExactly(new PageWrite(ANN, 0, 2 | Page.GATED));
    }

    @Test
    void expiryCollectsGatesEveryPageAndRefusesNewMemory() {
        MemoryPage ann = session.member(ANN, 6);
        ann.used[0] = 2;

        Change change = Decisions.expire(session.ledger, session::page);
        assertThat(change.events()).containsExactly(new Charged(ANN, GPU0, 2), new Expired());
        session.carryOut(change);

        assertThat(ann.charge).containsExactly(2 | Page.GATED, Page.GATED);
        assertThat(session.charge(ANN, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.SESSION_EXPIRED, 1, 2, 10));
        assertThat(Decisions.expire(session.ledger, session::page)).isEqualTo(Change.NONE);
    }

    @Test
    void aRenewalLiftsTheGateOfAnExpiredSession() {
        MemoryPage ann = session.member(ANN, 6);
        session.carryOut(Decisions.expire(session.ledger, session::page));

        session.carryOut(Decisions.renew(session.ledger));

        assertThat(ann.charge).containsExactly(6, 0);
        assertThat(session.charge(ANN, 1)).isInstanceOf(Granted.class);
    }

    @Test
    void aClosedSessionRefusesForGood() {
        session.member(ANN, 6);
        session.carryOut(Decisions.close(session.ledger, session::page));

        assertThat(session.charge(ANN, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.SESSION_CLOSED, 1, 6, 10));
        assertThat(Decisions.close(session.ledger, session::page)).isEqualTo(Change.NONE);
        assertThatThrownBy(() -> Decisions.renew(session.ledger)).isInstanceOf(IllegalStateException.class);
        assertThat(Decisions.join(session.ledger, BOB, IMAGE, List.of(GPU0), PAGE))
                .isEqualTo(new Joining.Refused(ErrorCode.SESSION_CLOSED, "The session has ended: open another one."));
    }

    @Test
    void aLimitBelowWhatIsHeldTakesNothingAndGatesUntilItFits() {
        MemoryPage ann = session.member(ANN, 6);
        MemoryPage bob = session.member(BOB, 4);
        bob.used[0] = 3;

        Change shrink = Decisions.resize(session.ledger, Limits.everywhere(5), session::page);
        assertThat(shrink.events()).containsExactly(new Charged(BOB, GPU0, 3), new LimitChanged(Limits.everywhere(5)));
        session.carryOut(shrink);

        assertThat(ann.charge).containsExactly(6 | Page.GATED, 0);
        assertThat(bob.charge).containsExactly(3 | Page.GATED, 0);
        assertThat(session.charge(BOB, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 1, 9, 5));

        ann.used[0] = 1; // its own credit belongs to the lower limit first
        assertThat(session.charge(ANN, 2))
                .isInstanceOfSatisfying(
                        Denied.class, denied -> assertThat(denied.used()).isEqualTo(4));
        assertThat(session.carryOut(session.charge(ANN, 1))).isInstanceOf(Granted.class);
        assertThat(ann.charge[0]).isEqualTo(2);
        assertThat(bob.charge[0]).as("the gate is lifted for all").isEqualTo(3);
    }

    @Test
    void aHigherLimitLiftsTheGate() {
        MemoryPage ann = session.member(ANN, 6);
        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(5), session::page));
        assertThat(ann.charge[0]).isEqualTo(6 | Page.GATED);

        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(6), session::page));

        assertThat(ann.charge[0]).isEqualTo(6);
    }

    @Test
    void theDeathThatMakesItFitLiftsTheGate() {
        MemoryPage ann = session.member(ANN, 6);
        session.member(BOB, 4);
        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(7), session::page));
        assertThat(ann.charge[0]).isEqualTo(6 | Page.GATED);

        session.carryOut(Decisions.died(session.ledger, BOB));

        assertThat(ann.charge[0]).isEqualTo(6);
    }

    @Test
    void aDeathReturnsTheWholeChargeOnce() {
        session.member(ANN, 6).used[0] = 2;

        Change death = Decisions.died(session.ledger, ANN);
        assertThat(death.events()).containsExactly(new Left(ANN, IMAGE, Reason.DIED, Map.of(GPU0, 6L)));
        session.carryOut(death);

        assertThat(session.ledger.free(GPU0)).isEqualTo(10);
        assertThat(Decisions.died(session.ledger, ANN)).isEqualTo(Change.NONE);
        assertThat(Decisions.execed(session.ledger, ANN, IMAGE)).isEqualTo(Change.NONE);
    }

    @Test
    void anotherImageReturnsTheChargeOfTheOldOneAndALateEofTakesNothingMore() {
        session.member(ANN, 6);

        Joining joining = Decisions.join(session.ledger, ANN, OTHER_IMAGE, List.of(GPU0), PAGE);
        assertThat(joining).isInstanceOfSatisfying(Joining.Welcomed.class, welcomed -> {
            assertThat(welcomed.change().events())
                    .containsExactly(
                            new Left(ANN, IMAGE, Reason.RECONNECTED, Map.of(GPU0, 6L)),
                            new Joined(ANN, OTHER_IMAGE, List.of(GPU0), PAGE));
            session.carryOut(welcomed.change());
        });
        session.carryOut(session.charge(ANN, 2));

        assertThat(Decisions.execed(session.ledger, ANN, IMAGE)).isEqualTo(Change.NONE);
        assertThat(session.ledger.charged(GPU0)).isEqualTo(2);
    }

    @Test
    void theSameImageKeepsItsChargeAndGetsItIntoTheNewPage() {
        session.member(ANN, 6);
        PageIdentity other = new PageIdentity(1, 3, 4096, 7, "0d");

        Joining joining = Decisions.join(session.ledger, ANN, IMAGE, List.of(GPU0, GPU1), other);

        assertThat(joining).isInstanceOfSatisfying(Joining.Welcomed.class, welcomed -> {
            assertThat(welcomed.change().events()).containsExactly(new Joined(ANN, IMAGE, List.of(GPU0, GPU1), other));
            assertThat(welcomed.change().writes()).containsExactly(new PageWrite(ANN, 0, 6), new PageWrite(ANN, 1, 0));
            Ledger after = session.ledger.apply(welcomed.change().events());
            assertThat(after.member(ANN).orElseThrow().page()).isEqualTo(other);
        });
    }

    @Test
    void oneWhoJoinsAnExpiredSessionIsGatedFromTheStart() {
        session.carryOut(Decisions.expire(session.ledger, session::page));

        assertThat(Decisions.join(session.ledger, ANN, IMAGE, List.of(GPU0), PAGE))
                .isInstanceOfSatisfying(
                        Joining.Welcomed.class,
                        welcomed -> assertThat(welcomed.change().writes())
                                .containsExactly(new PageWrite(ANN, 0, Page.GATED)));
    }

    @Test
    void devicesNamedTwiceOrChangedOrMissingAreRefused() {
        session.member(ANN, 0);

        for (List<DeviceId> devices : List.of(List.<DeviceId>of(), List.of(GPU0, GPU0))) {
            assertThat(Decisions.join(session.ledger, ANN, IMAGE, devices, PAGE))
                    .isEqualTo(new Joining.Refused(
                            ErrorCode.BAD_REQUEST,
                            devices.size() + " devices, none or one of them twice: name each once."));
        }
        assertThat(Decisions.join(session.ledger, ANN, IMAGE, List.of(GPU1), PAGE))
                .isInstanceOfSatisfying(Joining.Refused.class, refused -> {
                    assertThat(refused.code()).isEqualTo(ErrorCode.BAD_REQUEST);
                    assertThat(refused.text())
                            .contains("joined with other devices", "they cannot change while it runs.");
                });
    }

    @Test
    void aPageThatAFailedJournalLeftTooLowIsRaisedByTheNextGrant() {
        session.member(ANN, 4);
        MemoryPage bob = session.member(BOB, 6);
        bob.used[0] = 1;
        session.charge(ANN, 5); // lowers the page; the journal fails, nothing is carried out
        assertThat(bob.charge[0]).isEqualTo(1);

        session.carryOut(session.charge(BOB, 5));

        assertThat(bob.charge[0]).isEqualTo(6);
    }
}
