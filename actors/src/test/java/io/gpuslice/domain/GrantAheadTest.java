// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.GPU1;
import static io.gpuslice.domain.Fixture.IMAGE;
import static io.gpuslice.domain.Fixture.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.Fixture.MemoryPage;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Joined;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** More than was asked for, so that the next allocations ask nobody; and what becomes of it when a sibling needs it. */
class GrantAheadTest {
    private final Fixture session = new Fixture(100);

    @Test
    void aLoneProcessGetsTheRestOfTheLimit() {
        session.member(ANN, 0);

        assertThat(session.charge(ANN, 1).change().events()).containsExactly(new Charged(ANN, GPU0, 100));
    }

    @Test
    void siblingsGetAnEqualShareOfWhatIsLeftBesideWhatTheyAskFor() {
        session.member(ANN, 0);
        session.member(BOB, 0);

        session.carryOut(session.charge(ANN, 20));
        session.carryOut(session.charge(BOB, 10));

        assertThat(charge(ANN)).isEqualTo(20 + 40);
        assertThat(charge(BOB)).isEqualTo(10 + 15);
    }

    @Test
    void onlyMembersThatSeeTheDeviceShareIt() {
        session.member(ANN, 0);
        session.ledger = session.ledger.apply(new Joined(BOB, IMAGE, List.of(GPU1), PAGE));

        session.carryOut(session.charge(ANN, 1));

        assertThat(charge(ANN)).isEqualTo(100);
        assertThat(session.ledger.charged(GPU1)).as("nobody asked for that one").isZero();
    }

    @Test
    void whatASiblingNeedsIsCollectedAndTheRestIsSharedAnew() {
        MemoryPage ann = session.member(ANN, 0);
        session.member(BOB, 0);
        session.carryOut(session.charge(ANN, 60));
        ann.used[0] = 10;

        Decision decision = session.carryOut(session.charge(BOB, 50));

        assertThat(decision.change().events())
                .containsExactly(new Charged(ANN, GPU0, 10), new Charged(BOB, GPU0, 50 + 20));
        assertThat(ann.charge[0]).isEqualTo(10);
    }

    @Test
    void aSiblingIsRefusedOnlyForWhatIsUsedNotForWhatWasGrantedAhead() {
        MemoryPage ann = session.member(ANN, 0);
        session.member(BOB, 0);
        session.carryOut(session.charge(ANN, 10));
        ann.used[0] = 10;

        assertThat(session.charge(BOB, 91)).isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 91, 10, 100));
        assertThat(session.charge(BOB, 90)).isInstanceOf(Granted.class);
    }

    /** Two that take turns with the whole limit. */
    @Test
    void eachTurnOfAPingPongIsOnePassOverThePagesAndEachRefusalIsJustified() {
        MemoryPage ann = session.member(ANN, 0);
        MemoryPage bob = session.member(BOB, 0);
        AtomicInteger reads = new AtomicInteger();
        ann.afterRead = reads::incrementAndGet;
        bob.afterRead = reads::incrementAndGet;
        session.carryOut(session.charge(ANN, 100));
        for (int turn = 0; turn < 10; turn++) {
            MemoryPage holder = turn % 2 == 0 ? ann : bob;
            ProcessId other = turn % 2 == 0 ? BOB : ANN;
            holder.used[0] = 100;
            assertThat(session.charge(other, 1))
                    .isEqualTo(new Denied(Change.NONE, ErrorCode.QUOTA_EXCEEDED, 1, 100, 100));

            holder.used[0] = 0;
            ann.stores = 0;
            bob.stores = 0;
            reads.set(0);
            Decision decision = session.charge(other, 100);

            assertThat(decision).isInstanceOf(Granted.class);
            assertThat(decision.change().events()).as("one atomic write").hasSize(2);
            assertThat(holder.stores).as("the holder's page is lowered once").isOne();
            assertThat(ann.stores + bob.stores).isOne();
            // The asker's credit and everybody's sum; READ_USED and REREAD_USED of the one that has any charge.
            assertThat(reads).hasValue(1 + 2 + 1 + 1);
            session.carryOut(decision);
            assertThat(charge(other)).isEqualTo(100);
        }
    }

    @Test
    void aStrictSessionGrantsExactlyWhatIsMissing() {
        Fixture strict = new Fixture(Limits.everywhere(100), true);
        strict.member(ANN, 0);
        MemoryPage bob = strict.member(BOB, 0);

        assertThat(strict.carryOut(strict.charge(ANN, 5)).change().events()).containsExactly(new Charged(ANN, GPU0, 5));
        strict.carryOut(strict.charge(BOB, 95));
        bob.used[0] = 10;
        assertThat(strict.charge(ANN, 20).change().events())
                .as("after a collect, too")
                .containsExactly(new Charged(ANN, GPU0, 0), new Charged(BOB, GPU0, 10), new Charged(ANN, GPU0, 20));
    }

    @ParameterizedTest
    @ValueSource(longs = {11, -1, Long.MIN_VALUE})
    void aPageThatMakesNoSenseIsGrantedExactlyBecauseNothingCanBeCollectedFromIt(long claim) {
        session.member(ANN, 10).used[0] = claim;

        assertThat(session.charge(ANN, 5).change().events()).containsExactly(new Charged(ANN, GPU0, 15));

        MemoryPage bob = session.member(BOB, 90);
        bob.used[0] = 20;
        assertThat(session.charge(ANN, 5).change().events())
                .as("after a collect, too")
                .containsExactly(new Charged(BOB, GPU0, 20), new Charged(ANN, GPU0, 15));
    }

    @Test
    void aProcessWhosePageIsLostGetsNothingAndKeepsItsShareForWhenItIsBack() {
        session.member(ANN, 0);
        session.member(BOB, 0);
        session.pages.remove(BOB);

        assertThat(session.charge(BOB, 1)).isEqualTo(new Denied(Change.NONE, ErrorCode.INTERNAL, 1, 0, 100));
        assertThat(session.charge(ANN, 20).change().events()).containsExactly(new Charged(ANN, GPU0, 60));
    }

    @Test
    void whatWasGrantedAheadIsTakenBackByALowerLimitAndByExpiry() {
        MemoryPage ann = session.member(ANN, 0);
        session.carryOut(session.charge(ANN, 10));
        ann.used[0] = 10;

        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(50), session::page));
        assertThat(ann.charge[0]).as("it fits: nothing is gated").isEqualTo(10);
        session.carryOut(session.charge(ANN, 1));
        assertThat(ann.charge[0]).isEqualTo(50);

        assertThat(Decisions.expire(session.ledger, session::page).events())
                .containsExactly(new Charged(ANN, GPU0, 10), new Expired());
    }

    @Test
    void underALimitBelowWhatIsHeldNothingIsGrantedAheadUntilItFits() {
        MemoryPage ann = session.member(ANN, 60);
        MemoryPage bob = session.member(BOB, 20);
        session.carryOut(Decisions.resize(session.ledger, Limits.everywhere(50), session::page));

        ann.used[0] = 30;
        assertThat(session.charge(BOB, 1))
                .isInstanceOfSatisfying(
                        Denied.class, denied -> assertThat(denied.used()).isEqualTo(50));
        bob.used[0] = 0;
        session.carryOut(session.charge(BOB, 10));

        assertThat(ann.charge[0]).isEqualTo(30);
        assertThat(bob.charge[0]).as("10 and half of the other 10, ungated").isEqualTo(15);
    }

    @Test
    void whereThereIsHardlyALimitNobodyIsGrantedMoreAheadThanADeviceCanHave() {
        Fixture huge = new Fixture(new Limits(Long.MAX_VALUE, Map.of()), false);
        huge.member(ANN, 0);
        MemoryPage bob = huge.member(BOB, 0);
        huge.member(EVE, 0);

        for (ProcessId process : List.of(ANN, BOB, EVE)) {
            huge.carryOut(huge.charge(process, 1));
        }
        assertThat(huge.ledger.charged(GPU0)).isBetween(Abi.MAX_BYTES / 2, Abi.MAX_BYTES);
        bob.used[0] = bob.charge[0];
        assertThat(huge.carryOut(huge.charge(BOB, Abi.MAX_BYTES)).change().events())
                .as("what is needed is granted all the same, and nothing beside it")
                .containsExactly(new Charged(BOB, GPU0, bob.used[0] + Abi.MAX_BYTES));
    }

    private long charge(ProcessId process) {
        return session.ledger.member(process).orElseThrow().charge(GPU0);
    }
}
