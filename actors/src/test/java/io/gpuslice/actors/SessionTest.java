// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static io.gpuslice.actors.World.MIB;
import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session.ChargeReply;
import io.gpuslice.actors.Session.HelloReply;
import io.gpuslice.actors.Session.QueryReply;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.SessionEvent.SlotTaken;
import io.gpuslice.actors.World.TestPage;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

class SessionTest extends SessionFixture {

    // ---------------------------------------------------------------- memory

    @Test
    void aChargeThatFitsIsInTheJournalAndInThePageWhenItIsGranted() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));

        assertThat(charge(session, process, World.image(1), 3 * MIB))
                .isEqualTo(new ChargeReply.Granted(1, 0, 64 * MIB));
        assertThat(page.charge()).isEqualTo(64 * MIB);
        assertThat(journaled()).last().isEqualTo(new Booked(new LedgerEvent.Charged(process, DEVICE, 64 * MIB)));
    }

    @Test
    void aChargeOverTheLimitIsDeniedWithTheNumbers() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        page.used[0] = 60 * MIB;

        assertThat(charge(session, process, World.image(1), 5 * MIB))
                .isEqualTo(new ChargeReply.Denied(1, 0, ErrorCode.QUOTA_EXCEEDED, 5 * MIB, 60 * MIB, 64 * MIB));
    }

    @Test
    void aSiblingsIdleCreditIsTakenBeforeAnybodyIsDenied() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId idle = world.process();
        TestPage idlePage = join(session, idle, World.image(1));
        charge(session, idle, World.image(1), 60 * MIB);
        idlePage.used[0] = 10 * MIB;
        ProcessId busy = world.process();
        TestPage busyPage = join(session, busy, World.image(2));

        assertThat(charge(session, busy, World.image(2), 50 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(idlePage.charge()).isEqualTo(10 * MIB);
        assertThat(busyPage.charge()).isEqualTo(52 * MIB);
    }

    @Test
    void aWriteThatFailsDeniesWithTheReasonAndChangesNothing() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), MIB);
        page.used[0] = MIB;

        journal.failNextPersisted(SLOT, new IOException("No space left on device"));
        assertThat(charge(session, process, World.image(1), MIB))
                .isEqualTo(new ChargeReply.Failed(
                        1,
                        ErrorCode.INTERNAL,
                        "the request could not be recorded: No space left on device; nothing has changed"));
        assertThat(page.charge()).isEqualTo(MIB);

        // The actor comes back by itself, with the page it had.
        assertThat(charge(session, process, World.image(1), 2 * MIB)).isEqualTo(new ChargeReply.Granted(1, 0, 3 * MIB));
    }

    @Test
    void aStrangerIsNotCharged() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));

        ChargeReply reply = charge(session, world.process(), World.image(1), MIB);

        assertThat(reply).isInstanceOfSatisfying(ChargeReply.Failed.class, failed -> {
            assertThat(failed.code()).isEqualTo(ErrorCode.FORBIDDEN);
            assertThat(failed.text()).contains("no member of session a");
        });
    }

    @Test
    void aMemberIsToldTheSessionsNumbers() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 8 * MIB);
        page.used[0] = 5 * MIB;

        assertThat(status(session, process))
                .isEqualTo(new QueryReply.Status(
                        1, SessionState.ACTIVE, 0, -1, List.of(new DeviceUse(DEVICE, 64 * MIB, 5 * MIB, 64 * MIB))));
    }

    // --------------------------------------------------------------- members

    @Test
    void aProcessWithTheTokenIsWelcomedWithItsLimits() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));

        HelloReply reply = hello(session, world.process(), World.image(1), TOKEN, OWNER);

        assertThat(reply)
                .isInstanceOfSatisfying(
                        HelloReply.Welcomed.class,
                        welcomed -> assertThat(welcomed.limits()).containsExactly(64 * MIB));
    }

    @Test
    void aWrongTokenIsRefused() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));

        HelloReply reply = hello(session, world.process(), World.image(1), "another token", OWNER);

        assertThat(reply)
                .isInstanceOfSatisfying(
                        HelloReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.UNAUTHENTICATED));
    }

    @Test
    void anotherUsersProcessIsRefusedEvenWithTheToken() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));

        HelloReply reply = hello(session, world.process(), World.image(1), TOKEN, OWNER + 1);

        assertThat(reply)
                .isInstanceOfSatisfying(
                        HelloReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.FORBIDDEN));
    }

    @Test
    void theSameProgramThatComesBackGetsItsPageAgain() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), MIB);

        HelloReply again = hello(session, process, World.image(1), TOKEN, OWNER);

        assertThat(again)
                .isInstanceOfSatisfying(
                        HelloReply.Welcomed.class,
                        welcomed -> assertThat(welcomed.page()).isSameAs(page));
        assertThat(page.charge()).isEqualTo(64 * MIB);
        assertThat(world.memory.made).hasSize(1);
    }

    @Test
    void anotherProgramInTheSameProcessReturnsWhatTheOldOneHad() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage old = join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        old.used[0] = 60 * MIB;

        TestPage fresh = join(session, process, World.image(2));

        assertThat(old.isClosed).isTrue();
        assertThat(charge(session, process, World.image(2), 64 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(fresh.charge()).isEqualTo(64 * MIB);
    }

    @Test
    void aDeathReturnsTheWholeChargeOnce() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        page.used[0] = 40 * MIB;
        world.awaitWatched(process);

        world.kill(process);
        world.kill(process);

        await().until(() -> describe(session).members().isEmpty());
        SessionView view = describe(session);
        assertThat(view.reclaimed()).isEqualTo(40 * MIB);
        assertThat(view.counters()).isEqualTo(new SessionView.Counters(5, 3, 1));
        assertThat(page.isClosed).isTrue();
    }

    @Test
    void anEndedSocketOfALivingProcessChangesNothing() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        join(session, process, World.image(1));

        session.tell(new Session.Disconnected(process, World.image(1)));

        assertThat(describe(session).members()).hasSize(1);
    }

    @Test
    void anEndedSocketWhosePageIsGoneFromTheProcessIsAnExec() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = world.process();
        join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        world.table.withoutPage.add(process);

        session.tell(new Session.Disconnected(process, World.image(1)));

        describe(session);
        assertThat(describe(session).members()).isEmpty();
    }

    @Test
    void anExecThatNobodyTellsOfIsSeenBeforeSomebodyIsDenied() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId other = world.process();
        join(session, other, World.image(1));
        charge(session, other, World.image(1), 60 * MIB);
        world.memory.last().used[0] = 60 * MIB;
        ProcessId process = world.process();
        join(session, process, World.image(2));

        world.exec(other);

        assertThat(charge(session, process, World.image(2), 64 * MIB)).isInstanceOf(ChargeReply.Granted.class);
    }

    @Test
    void anExecThatNobodyTellsOfIsSeenAlthoughNobodyAsksForMemory() {
        ActorRef<Session.Command> session = openWithRounds(keeping(terms("a", 64 * MIB)), ROUND);
        ProcessId process = world.process();
        join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        assertThat(describe(session).members()).hasSize(1);

        world.exec(process);

        await().until(() -> describe(session).members().isEmpty());
    }

    @Test
    void deniedInQuickSuccessionNobodyWaitsForASecondLook() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        fill(session, World.image(1), 60 * MIB);
        ProcessId process = world.process();
        join(session, process, World.image(2));

        assertThat(charge(session, process, World.image(2), 5 * MIB)).isInstanceOf(ChargeReply.Denied.class);
        assertThat(charge(session, process, World.image(2), 5 * MIB)).isInstanceOf(ChargeReply.Denied.class);
        assertThat(world.table.looks).hasValue(1);
        world.clock.pass(Rounds.PAUSE);
        assertThat(charge(session, process, World.image(2), 5 * MIB)).isInstanceOf(ChargeReply.Denied.class);
        assertThat(world.table.looks).hasValue(2);
    }

    @Test
    void whileOneWaitsForALookOthersAreServedAndItIsDecidedByWhatIsLeft() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId other = fill(session, World.image(1), 60 * MIB);
        ProcessId process = world.process();
        join(session, process, World.image(2));
        ProcessId third = world.process();
        join(session, third, World.image(3));
        world.exec(other);
        world.blocking.hold();
        TestProbe<ChargeReply> waiting = kit.createTestProbe();

        session.tell(new Session.Charge(process, World.image(2), 0, 63 * MIB, false, 7, waiting.getRef()));
        world.blocking.awaitWork();
        assertThat(charge(session, third, World.image(3), 3 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        world.memory.last().used[0] = 3 * MIB;
        world.blocking.release();

        waiting.expectMessage(new ChargeReply.Denied(7, 0, ErrorCode.QUOTA_EXCEEDED, 63 * MIB, 3 * MIB, 64 * MIB));
    }

    @Test
    void whoDiesWhileItWaitsForALookIsGrantedNothing() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId other = fill(session, World.image(1), 60 * MIB);
        ProcessId process = world.process();
        join(session, process, World.image(2));
        world.awaitWatched(process);
        world.exec(other);
        world.blocking.hold();
        TestProbe<ChargeReply> waiting = kit.createTestProbe();

        session.tell(new Session.Charge(process, World.image(2), 0, 64 * MIB, false, 7, waiting.getRef()));
        world.blocking.awaitWork();
        world.kill(process);
        await().until(() -> describe(session).members().size() == 1);
        world.blocking.release();

        assertThat(waiting.expectMessageClass(ChargeReply.Failed.class).code()).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(describe(session).members()).isEmpty();
    }

    @Test
    void aPageThatGoesOnMakingNoSenseIsGatedUntilItDoes() {
        ActorRef<Session.Command> session = openWithRounds(terms("a", 64 * MIB), ROUND);
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        join(session, world.process(), World.image(2));
        charge(session, process, World.image(1), 8 * MIB);
        assertThat(page.isGated()).isFalse();

        page.used[0] = 60 * MIB;
        await().until(page::isGated);
        assertThat(page.charge()).isEqualTo(36 * MIB);
        assertThat(charge(session, process, World.image(1), MIB)).isEqualTo(new ChargeReply.Granted(1, 0, 37 * MIB));
        assertThat(page.isGated()).isTrue();

        page.used[0] = MIB;
        await().until(() -> !page.isGated());
    }

    @Test
    void aPageMadeForASessionThatHasEndedMeanwhileIsLetGo() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        TestProbe<HelloReply> reply = kit.createTestProbe();
        world.blocking.hold();
        session.tell(new Session.Hello(
                new Peer(world.process(), OWNER), TOKEN, World.image(1), List.of(DEVICE), reply.getRef()));
        world.blocking.awaitWork();

        session.tell(new Session.Stop());
        reply.expectTerminated(session);
        world.blocking.release();

        assertThat(world.memory.last().isClosed).isTrue();
    }

    // ------------------------------------------------- restart, other terms

    @Test
    void afterARestartAPageHasTheJournaledChargeWhateverWasInIt() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 8 * MIB);
        kit.stop(session);
        page.words[0] = 50 * MIB;

        ActorRef<Session.Command> restarted = open(terms("a", 64 * MIB));

        assertThat(page.charge()).isEqualTo(64 * MIB);
        assertThat(describe(restarted).members()).singleElement().satisfies(member -> {
            assertThat(member.process()).isEqualTo(process);
            assertThat(member.command()).isEqualTo("train --epochs 3");
            assertThat(member.charge()).isEqualTo(64 * MIB);
        });
    }

    @Test
    void whoDiedWhileNoDaemonRanIsReclaimedBeforeAnythingIsDecided() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId dead = world.process();
        join(session, dead, World.image(1));
        charge(session, dead, World.image(1), 60 * MIB);
        ProcessId living = world.process();
        join(session, living, World.image(2));
        kit.stop(session);
        world.table.alive.remove(dead);

        ActorRef<Session.Command> restarted = spawn(terms("a", 64 * MIB), FOR_EVER);

        // Sent before the session has looked for its pages: it waits for them.
        assertThat(charge(restarted, living, World.image(2), 64 * MIB)).isInstanceOf(ChargeReply.Granted.class);
    }

    @Test
    void whoCalledExecWhileNoDaemonRanIsReclaimedBeforeAnythingIsDecided() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId other = fill(session, World.image(1), 60 * MIB);
        ProcessId process = world.process();
        join(session, process, World.image(2));
        kit.stop(session);
        world.exec(other);

        ActorRef<Session.Command> restarted = spawn(keeping(terms("a", 64 * MIB)), FOR_EVER);

        assertThat(charge(restarted, process, World.image(2), 64 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(describe(restarted).members()).hasSize(1);
    }

    @Test
    void aPageThatIsNotFoundAgainCountsAsWhollyUsedUntilItsProcessComesBack() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        page.used[0] = MIB;
        kit.stop(session);
        world.memory.found.clear();

        ActorRef<Session.Command> restarted = open(terms("a", 64 * MIB));

        assertThat(describe(restarted).members()).singleElement().satisfies(member -> {
            assertThat(member.page()).isEqualTo(MemberView.PageState.LOST);
            assertThat(member.used()).isEqualTo(64 * MIB);
        });
        join(restarted, process, World.image(1));
        assertThat(world.memory.last().charge()).isEqualTo(64 * MIB);
        assertThat(describe(restarted).members()).singleElement().satisfies(member -> {
            assertThat(member.page()).isEqualTo(MemberView.PageState.OK);
            // Until the program has carried its books over into the new page.
            assertThat(member.used()).isEqualTo(64 * MIB);
        });

        // That page may not have reached it when its socket ends again; the first one it still has.
        restarted.tell(new Session.Disconnected(process, World.image(1)));
        describe(restarted);
        assertThat(describe(restarted).members())
                .singleElement()
                .satisfies(member -> assertThat(member.charge()).isEqualTo(64 * MIB));
    }

    @Test
    void aSlotThatAnotherSessionHadBeginsAnew() {
        ActorRef<Session.Command> former = open(terms("former", 64 * MIB));
        ProcessId process = world.process();
        join(former, process, World.image(1));
        charge(former, process, World.image(1), 60 * MIB);
        kit.stop(former);

        ActorRef<Session.Command> next = open(terms("next", 32 * MIB));

        assertThat(describe(next).members()).isEmpty();
        join(next, process, World.image(1));
        assertThat(journaled()).contains(new SlotTaken(new SessionId("next"), Limits.everywhere(32 * MIB), false));
        assertThat(charge(next, process, World.image(1), 32 * MIB)).isInstanceOf(ChargeReply.Granted.class);
    }

    @Test
    void aSnapshotHoldsAllThatTheEventsSaid() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        for (int i = 1; i <= 150; i++) {
            charge(session, process, World.image(1), 4096);
            page.used[0] = page.charge();
        }
        SessionView before = describe(session);
        kit.stop(session);

        assertThat(describe(open(strict(terms("a", 64 * MIB))))).isEqualTo(before);
    }

    @Test
    void anExpiredSessionGrantsNothingAndForgetsNothing() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 8 * MIB);
        page.used[0] = 3 * MIB;

        session.tell(new Session.Follow(expired(terms("a", 64 * MIB))));

        assertThat(charge(session, process, World.image(1), 1))
                .isEqualTo(new ChargeReply.Denied(1, 0, ErrorCode.SESSION_EXPIRED, 1, 3 * MIB, 64 * MIB));
        assertThat(page.isGated()).isTrue();
        assertThat(page.charge()).isEqualTo(3 * MIB);

        session.tell(new Session.Follow(terms("a", 64 * MIB)));
        assertThat(charge(session, process, World.image(1), 1)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(page.isGated()).isFalse();
    }

    @Test
    void aLowerLimitTakesIdleCreditAndNothingElse() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        charge(session, process, World.image(1), 60 * MIB);
        page.used[0] = 20 * MIB;

        session.tell(new Session.Follow(terms("a", 10 * MIB)));

        assertThat(describe(session).devices()).containsExactly(new DeviceUse(DEVICE, 10 * MIB, 20 * MIB, 20 * MIB));
        assertThat(page.isGated()).isTrue();
    }

    @Test
    void underALoweredLimitMemoryIsGrantedAgainWhenEnoughIsFreedAndThePageIsFree() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 20 * MIB);
        TestPage page = world.memory.last();
        session.tell(new Session.Follow(terms("a", 10 * MIB)));

        assertThat(charge(session, process, World.image(1), MIB))
                .isEqualTo(new ChargeReply.Denied(1, 0, ErrorCode.QUOTA_EXCEEDED, MIB, 20 * MIB, 10 * MIB));
        assertThat(page.charge()).isEqualTo(20 * MIB);
        page.used[0] = 5 * MIB;

        assertThat(charge(session, process, World.image(1), MIB)).isEqualTo(new ChargeReply.Granted(1, 0, 10 * MIB));
        assertThat(page.isGated()).isFalse();
    }

    @Test
    void aRaisedLimitFreesThePagesAndIsThereAtOnce() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 20 * MIB);
        TestPage page = world.memory.last();
        session.tell(new Session.Follow(terms("a", 10 * MIB)));
        describe(session);
        assertThat(page.isGated()).isTrue();

        session.tell(new Session.Follow(terms("a", 30 * MIB)));

        assertThat(charge(session, process, World.image(1), 10 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(page.isGated()).isFalse();
        assertThat(page.charge()).isEqualTo(30 * MIB);
        assertThat(charge(session, process, World.image(1), 11 * MIB)).isInstanceOf(ChargeReply.Denied.class);
    }

    @Test
    void aRaisedLimitIsOfNoUseToAnExpiredSession() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 20 * MIB);

        session.tell(new Session.Follow(expired(terms("a", 128 * MIB))));

        assertThat(charge(session, process, World.image(1), 1))
                .isEqualTo(new ChargeReply.Denied(1, 0, ErrorCode.SESSION_EXPIRED, 1, 20 * MIB, 128 * MIB));
        assertThat(world.memory.last().isGated()).isTrue();
    }

    @Test
    void aStrictSessionStaysGatedWhateverIsDoneToIt() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        fill(session, World.image(1), 20 * MIB);
        TestPage page = world.memory.last();

        session.tell(new Session.Follow(strict(terms("a", 10 * MIB))));
        session.tell(new Session.Follow(strict(terms("a", 64 * MIB))));

        describe(session);
        assertThat(page.isGated()).isTrue();
    }

    // ------------------------------------------------------------------- end

    @Test
    void aSessionEndsWhenItsLeaderAndItsMembersAreGoneAndTheGraceIsOver() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = open(led(terms("a", 64 * MIB), leader));
        ProcessId member = world.process();
        join(session, member, World.image(1));
        world.awaitWatched(leader);
        world.awaitWatched(member);

        world.kill(member);
        describe(session);
        sessions.expectNoMessage(GRACE.multipliedBy(5));
        world.kill(leader);

        sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty()));
    }

    @Test
    void aSearchForProcessesThatFailsIsRepeated() {
        ProcessId leader = world.process();
        open(led(terms("a", 64 * MIB), leader));
        world.awaitWatched(leader);
        world.table.failures.set(1);

        world.kill(leader);

        sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty()));
    }

    @Test
    void aProcessForWhichNoPageCanBeMadeIsNoMember() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        world.memory.failures.set(1);

        assertThat(hello(session, process, World.image(1), TOKEN, OWNER))
                .isInstanceOfSatisfying(HelloReply.Refused.class, refused -> {
                    assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL);
                    assertThat(refused.text()).isEqualTo("no ledger page could be made: too many open files");
                });
        assertThat(hello(session, process, World.image(1), TOKEN, OWNER)).isInstanceOf(HelloReply.Welcomed.class);
    }

    @Test
    void aRemovalWhoseProcessesCannotBeLookedForIsRefusedWithTheReason() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        world.table.failures.set(1);

        assertThat(remove(session, false)).isInstanceOfSatisfying(Sessions.RemoveReply.Refused.class, refused -> {
            assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL);
            assertThat(refused.text()).contains("cannot be looked for: ", "too many open files", "nothing has changed");
        });
    }

    @Test
    void aProcessWithTheSessionInItsEnvironmentKeepsItAlive() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = open(led(terms("a", 64 * MIB), leader));
        ProcessId child = world.process();
        world.table.environments.put(child, new SessionId("a"));
        world.awaitWatched(leader);

        world.kill(leader);
        world.awaitWatched(child);
        describe(session);
        sessions.expectNoMessage(GRACE.multipliedBy(5));
        world.kill(child);

        sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty()));
    }

    @Test
    void aLeaderThatForksTwiceAndDiesLeavesASessionThatLivesAsLongAsItsDaemon() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = open(led(terms("a", 64 * MIB), leader));
        ProcessId between = world.process();
        ProcessId daemon = world.process();
        world.table.environments.put(between, new SessionId("a"));
        world.awaitWatched(leader);

        world.kill(leader);
        world.awaitWatched(between);
        world.table.environments.put(daemon, new SessionId("a"));
        world.kill(between);
        world.awaitWatched(daemon);

        TestPage page = join(session, daemon, World.image(1));
        assertThat(charge(session, daemon, World.image(1), MIB)).isInstanceOf(ChargeReply.Granted.class);
        assertThat(page.charge()).isEqualTo(64 * MIB);
        sessions.expectNoMessage(GRACE.multipliedBy(5));
        world.kill(daemon);
        sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty()));
    }

    @Test
    void whoJoinsDuringTheGraceKeepsTheSession() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = open(led(terms("a", 64 * MIB), leader));
        world.awaitWatched(leader);

        world.kill(leader);
        join(session, world.process(), World.image(1));

        sessions.expectNoMessage(GRACE.multipliedBy(5));
    }

    @Test
    void aKeptSessionDoesNotEndByItself() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = open(keeping(led(terms("a", 64 * MIB), leader)));
        world.awaitWatched(leader);

        world.kill(leader);

        describe(session);
        sessions.expectNoMessage(GRACE.multipliedBy(5));
    }

    @Test
    void aRemovalThatCannotBeRecordedIsRefusedWithTheReasonAndForgotten() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        journal.failNextPersisted(SLOT, new IOException("No space left on device"));

        assertThat(remove(session, false)).isInstanceOfSatisfying(Sessions.RemoveReply.Refused.class, refused -> {
            assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL);
            assertThat(refused.text()).contains("No space left on device", "nothing has changed");
        });

        // Nobody ends it behind the back of who was told so.
        sessions.expectMessageClass(Sessions.Restored.class);
        ProcessId process = world.process();
        join(session, process, World.image(1));
        world.kill(process);
        describe(session);
        sessions.expectNoMessage(GRACE.multipliedBy(5));
    }

    @Test
    void aLiveSessionIsNotRemovedAndItsProcessesAreNamed() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        join(session, process, World.image(1));

        Sessions.RemoveReply reply = remove(session, false);

        assertThat(reply).isInstanceOfSatisfying(Sessions.RemoveReply.Busy.class, busy -> {
            assertThat(busy.alive()).containsExactly(process);
            assertThat(busy.text())
                    .contains("1 living process (" + process + ")")
                    .contains("--force");
        });
        assertThat(world.table.ended).isEmpty();
    }

    @Test
    void byForceProcessesAreAskedToEndThenMadeToAndThenTheSessionCloses() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        join(session, process, World.image(1));
        TestProbe<Sessions.RemoveReply> replies = kit.createTestProbe();
        world.awaitWatched(process);

        session.tell(new Session.Remove(
                new Sessions.Remove(new Caller(1, OWNER, false), "a", List.of(), true, replies.getRef())));
        await().until(() -> world.table.ended.size() >= 2);
        assertThat(world.table.ended).startsWith("ASK " + process, "MAKE " + process);
        assertThat(hello(session, world.process(), World.image(2), TOKEN, OWNER))
                .isEqualTo(new HelloReply.Refused(
                        ErrorCode.SESSION_CLOSED, "session a is being removed: open another one"));
        world.kill(process);
        sessions.fishForMessage(
                Duration.ofSeconds(3),
                message -> message instanceof Sessions.Ended
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore());
        session.tell(new Session.Stop());

        replies.fishForMessage(
                Duration.ofSeconds(3),
                reply -> reply.equals(new Sessions.RemoveReply.Removed(new SessionId("a")))
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore());
    }
}
