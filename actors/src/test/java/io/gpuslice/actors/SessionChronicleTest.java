// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static io.gpuslice.actors.World.MIB;
import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session.ChargeReply;
import io.gpuslice.actors.World.TestPage;
import io.gpuslice.actors.page.PageCounters;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

/** What is said of a session's decisions, and what it remembers of them. */
class SessionChronicleTest extends SessionFixture {

    // ---------------------------------------------------------------- memory

    @Test
    void aGrantIsSaidWithWhatTheChargeWasRaisedBy() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        TestPage page = join(session, process, World.image(1));
        join(session, world.process(), World.image(2));

        charge(session, process, World.image(1), 4 * MIB);
        page.used[0] = 4 * MIB;
        charge(session, process, World.image(1), 40 * MIB);

        assertThat(said(Operation.GRANT, Operation.COLLECT, Operation.DENY))
                .as("asked for, and half of what was left then")
                .containsExactly(
                        "grant ok session a pid 100 uid 1000 device 0 " + (4 + 30) * MIB,
                        "grant ok session a pid 100 uid 1000 device 0 " + (10 + 10) * MIB);
    }

    @Test
    void ofAStrictSessionEachAllocationIsSaidEvenWhereCreditServesIt() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        ProcessId process = fill(session, World.image(1), 4 * MIB);
        TestPage page = world.memory.last();
        assertThat(page.isGated()).isTrue();
        page.used[0] = 0;
        List<Object> before = journaled();

        charge(session, process, World.image(1), MIB);
        page.used[0] = MIB;
        charge(session, process, World.image(1), 3 * MIB);

        assertThat(journaled()).isEqualTo(before);
        assertThat(page.isGated()).isTrue();
        assertThat(said(Operation.GRANT))
                .containsExactly(
                        "grant ok session a pid 100 uid 1000 device 0 " + 4 * MIB,
                        "grant ok session a pid 100 uid 1000 device 0 " + MIB,
                        "grant ok session a pid 100 uid 1000 device 0 " + 3 * MIB);
    }

    @Test
    void aDenialIsSaidAndRememberedWithTheNumbers() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 60 * MIB);

        charge(session, process, World.image(1), 5 * MIB);

        assertThat(said(Operation.DENY))
                .containsExactly("deny denied session a pid 100 uid 1000 device 0 " + 5 * MIB + " QUOTA_EXCEEDED: "
                        + 60 * MIB + " of " + 64 * MIB + " bytes used");
        assertThat(describe(session).refusals())
                .containsExactly(new Refusal(
                        world.clock.now(), process, DEVICE, ErrorCode.QUOTA_EXCEEDED, 5 * MIB, 60 * MIB, 64 * MIB));
    }

    @Test
    void theLastSixteenRefusalsAreRememberedTheNewestFirst() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 64 * MIB);

        IntStream.rangeClosed(1, 18).forEach(i -> charge(session, process, World.image(1), i * MIB));

        assertThat(describe(session).refusals())
                .extracting(Refusal::asked)
                .containsExactlyElementsOf(IntStream.rangeClosed(3, 18)
                        .mapToObj(i -> (21 - i) * MIB)
                        .toList());
    }

    @Test
    void creditThatIsTakenIsSaidOfEachMemberItIsTakenFrom() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        fill(session, World.image(1), 30 * MIB);
        world.memory.last().used[0] = 10 * MIB;
        fill(session, World.image(2), 30 * MIB);
        world.memory.last().used[0] = 25 * MIB;
        ProcessId third = fill(session, World.image(3), 4 * MIB);
        world.memory.last().used[0] = MIB;

        charge(session, third, World.image(3), 28 * MIB);

        assertThat(said(Operation.COLLECT, Operation.GRANT))
                .endsWith(
                        "collect ok session a pid 100 uid 1000 device 0 " + 20 * MIB,
                        "collect ok session a pid 101 uid 1000 device 0 " + 5 * MIB,
                        "collect ok session a pid 102 uid 1000 device 0 " + 3 * MIB,
                        "grant ok session a pid 102 uid 1000 device 0 " + 28 * MIB);
    }

    @Test
    void expiryTakesAllCreditAndSaysSo() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        fill(session, World.image(1), 8 * MIB);
        world.memory.last().used[0] = 3 * MIB;

        session.tell(new Session.Follow(expired(terms("a", 64 * MIB))));

        describe(session);
        assertThat(said(Operation.COLLECT))
                .containsExactly("collect ok session a pid 100 uid 1000 device 0 " + 61 * MIB);
    }

    @Test
    void aLowerLimitTakesIdleCreditAndSaysSo() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        fill(session, World.image(1), 60 * MIB);
        world.memory.last().used[0] = 20 * MIB;

        session.tell(new Session.Follow(terms("a", 10 * MIB)));

        describe(session);
        assertThat(said(Operation.COLLECT))
                .containsExactly("collect ok session a pid 100 uid 1000 device 0 " + 44 * MIB);
    }

    @Test
    void whatTheJournalDoesNotTakeIsSaidToHaveFailedAndIsRemembered() {
        ActorRef<Session.Command> session = open(strict(terms("a", 64 * MIB)));
        ProcessId process = fill(session, World.image(1), MIB);

        journal.failNextPersisted(SLOT, new IOException("No space left on device"));
        charge(session, process, World.image(1), 2 * MIB);

        assertThat(said(Operation.GRANT, Operation.DENY))
                .containsExactly(
                        "grant ok session a pid 100 uid 1000 device 0 " + MIB,
                        "deny failed session a pid 100 uid 1000 device 0 " + 2 * MIB
                                + " INTERNAL: No space left on device");
        assertThat(describe(session).refusals())
                .singleElement()
                .isEqualTo(new Refusal(world.clock.now(), process, DEVICE, ErrorCode.INTERNAL, 2 * MIB, MIB, 64 * MIB));
    }

    @Test
    void aStrangersRequestIsADenial() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));

        charge(session, world.process(), World.image(1), MIB);

        assertThat(said(Operation.DENY))
                .containsExactly("deny denied session a pid 100 uid -1 " + MIB
                        + " FORBIDDEN: pid 100 is no member of session a with this program: HELLO first");
        assertThat(describe(session).refusals()).isEmpty();
    }

    // --------------------------------------------------------------- members

    @Test
    void aProcessJoinsOnceWithItsCommandAndThenAgain() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        join(session, process, World.image(1));
        join(session, process, World.image(1));

        assertThat(said(Operation.JOIN))
                .containsExactly(
                        "join ok session a pid 100 uid 1000 0: train --epochs 3",
                        "join ok session a pid 100 uid 1000 0: again");
    }

    @Test
    void aDeathIsSaidWithWhatWasHeldAndHowLongItsReturnTook() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = fill(session, World.image(1), 60 * MIB);
        world.memory.last().used[0] = 40 * MIB;
        world.awaitWatched(process);

        world.kill(process);
        world.kill(process);

        await().untilAsserted(() -> assertThat(said(Operation.RECLAIM))
                .containsExactly("reclaim ok session a pid 100 uid 1000 device 0 " + 40 * MIB + ": DIED"));
        describe(session);
        assertThat(said(Operation.RECLAIM)).hasSize(1);
        assertThat(world.telemetry.timings(Timing.RECLAIM)).hasSize(1).first().isEqualTo(0L);
    }

    @Test
    void anotherProgramInTheSameProcessIsAReclaimAndAJoin() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 6 * MIB);

        join(session, process, World.image(2));

        assertThat(said(Operation.RECLAIM, Operation.JOIN))
                .endsWith(
                        "reclaim ok session a pid 100 uid 1000 device 0 " + 6 * MIB + ": RECONNECTED",
                        "join ok session a pid 100 uid 1000 0: train --epochs 3");
        assertThat(world.telemetry.timings(Timing.RECLAIM)).isEmpty();
    }

    @Test
    void aReclaimThatCannotBeJournaledIsSaidToHaveFailedAndThenToBeDone() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = fill(session, World.image(1), 6 * MIB);
        world.awaitWatched(process);
        journal.failNextPersisted(SLOT, new IOException("No space left on device"));

        world.kill(process);

        await().untilAsserted(() -> assertThat(said(Operation.RECLAIM))
                .containsExactly(
                        "reclaim failed session a pid 100 uid 1000 device 0 0 INTERNAL: DIED",
                        "reclaim ok session a pid 100 uid 1000 device 0 " + 6 * MIB + ": DIED"));
    }

    @Test
    void whoDiedOrCalledExecWhileNoDaemonRanIsSaidButNotWhatItHeldForNobodyKnows() {
        ActorRef<Session.Command> before = open(keeping(terms("a", 64 * MIB)));
        ProcessId dead = fill(before, World.image(1), 6 * MIB);
        ProcessId other = fill(before, World.image(2), 7 * MIB);
        kit.stop(before);
        world.kill(dead);
        world.exec(other);

        open(keeping(terms("a", 64 * MIB)));

        assertThat(said(Operation.RECLAIM))
                .containsExactly(
                        "reclaim ok session a pid 100 uid 1000 device 0 0: DIED",
                        "reclaim ok session a pid 101 uid 1000 device 0 0: EXECED");
    }

    @Test
    void aMemberIsShownWithWhatItHoldsOnEachDevice() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        fill(session, World.image(1), 6 * MIB);
        world.memory.last().used[0] = 5 * MIB;

        assertThat(describe(session).members())
                .singleElement()
                .extracting(MemberView::devices)
                .isEqualTo(List.of(new DeviceUse(DEVICE, 64 * MIB, 5 * MIB, 64 * MIB)));
    }

    // ------------------------------------------------------------------- end

    @Test
    void theRefusalOfARemovalIsSaidWithWhoAsked() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        join(session, world.process(), World.image(1));

        Sessions.RemoveReply.Busy busy = (Sessions.RemoveReply.Busy) remove(session, false);

        assertThat(said(Operation.CLOSE, Operation.SIGNAL))
                .containsExactly("close denied session a pid 1 uid 1000 0 FORBIDDEN: " + busy.text());
    }

    @Test
    void eachSignalIsSaidAndWhoAskedForTheEndIsToldToTheList() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = world.process();
        join(session, process, World.image(1));
        world.awaitWatched(process);
        Caller caller = new Caller(1, OWNER, false);
        TestProbe<Sessions.RemoveReply> replies = kit.createTestProbe();

        session.tell(new Session.Remove(new Sessions.Remove(caller, "a", List.of(), true, replies.getRef())));

        await().untilAsserted(() -> assertThat(said(Operation.SIGNAL))
                .startsWith(
                        "signal ok session a pid 100 uid 1000 0: SIGTERM",
                        "signal ok session a pid 100 uid 1000 0: SIGKILL"));
        world.kill(process);
        assertThat(sessions.expectMessageClass(Sessions.Ended.class, Duration.ofSeconds(3))
                        .by())
                .contains(caller);
    }

    @Test
    void aSignalThatCannotBeSentIsSaidToHaveFailed() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        join(session, world.process(), World.image(1));
        world.table.isImmune = true;
        TestProbe<Sessions.RemoveReply> replies = kit.createTestProbe();

        session.tell(new Session.Remove(
                new Sessions.Remove(new Caller(1, OWNER, false), "a", List.of(), true, replies.getRef())));

        await().untilAsserted(() -> assertThat(said(Operation.SIGNAL))
                .startsWith("signal failed session a pid 100 uid 1000 0 INTERNAL: SIGTERM: not permitted"));
    }

    // ---------------------------------------------------------------- totals

    @Test
    void whatGuestsDoIsAddedUpBeyondTheirEnd() {
        ActorRef<Session.Command> session = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = fill(session, World.image(1), MIB);
        TestPage page = world.memory.last();
        world.awaitWatched(process);
        describe(session);
        assertThat(totals.now()).isEqualTo(new Totals(5, 3, 1));

        page.counters = new PageCounters(9, 8, 1);
        world.kill(process);
        describe(session);

        assertThat(totals.now()).isEqualTo(new Totals(9, 8, 1));
    }

    @Test
    void whatAGuestDidBeforeThisDaemonIsNotCounted() {
        ActorRef<Session.Command> before = open(keeping(terms("a", 64 * MIB)));
        fill(before, World.image(1), MIB);
        TestPage page = world.memory.last();
        kit.stop(before);
        GuestTotals earlier = totals;
        totals = new GuestTotals();

        ActorRef<Session.Command> after = open(keeping(terms("a", 64 * MIB)));
        page.counters = new PageCounters(7, 3, 1);
        describe(after);

        assertThat(earlier.now()).isNotEqualTo(totals.now());
        assertThat(totals.now()).isEqualTo(new Totals(2, 0, 0));
    }

    @Test
    void aPageThatTakesTheLostOnesPlaceBringsItsCountsAlongAndAddsNoneOfThem() {
        ActorRef<Session.Command> before = open(keeping(terms("a", 64 * MIB)));
        ProcessId process = fill(before, World.image(1), MIB);
        kit.stop(before);
        world.memory.found.remove(process);
        totals = new GuestTotals();
        ActorRef<Session.Command> after = open(keeping(terms("a", 64 * MIB)));

        TestPage page = join(after, process, World.image(1));
        page.counters = new PageCounters(0, 0, 0);
        describe(after);
        page.counters = new PageCounters(70, 30, 10);
        describe(after);
        page.counters = new PageCounters(71, 32, 10);
        describe(after);

        assertThat(totals.now()).isEqualTo(new Totals(1, 2, 0));
    }

    @Test
    void aPageThatTakesBackWhatItSaidTurnsNothingBack() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        fill(session, World.image(1), MIB);
        TestPage page = world.memory.last();
        describe(session);

        page.counters = new PageCounters(0, Long.MIN_VALUE, -7);
        describe(session);
        assertThat(totals.now()).isEqualTo(new Totals(5, 3, 1));

        page.counters = new PageCounters(Long.MAX_VALUE, 4, 1);
        describe(session);
        assertThat(totals.now()).isEqualTo(new Totals(Long.MAX_VALUE, 4, 1));
        fill(session, World.image(2), MIB);
        describe(session);
        assertThat(totals.now()).isEqualTo(new Totals(Long.MAX_VALUE, 7, 2));
    }

    @Test
    void whatIsRememberedOutlivesAFailureOfTheJournal() {
        ActorRef<Session.Command> session = open(terms("a", 64 * MIB));
        ProcessId process = fill(session, World.image(1), 64 * MIB);
        charge(session, process, World.image(1), MIB);
        world.memory.last().used[0] = 0;
        ProcessId other = world.process();
        join(session, other, World.image(2));
        journal.failNextPersisted(SLOT, new IOException("No space left on device"));
        assertThat(charge(session, other, World.image(2), 2 * MIB)).isInstanceOf(ChargeReply.Failed.class);

        assertThat(describe(session).refusals())
                .extracting(Refusal::code)
                .containsExactly(ErrorCode.INTERNAL, ErrorCode.QUOTA_EXCEEDED);
    }
}
