// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static io.gpuslice.actors.World.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session.ChargeReply;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.World.TestPage;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

/** What counts without a living member that holds it in its page, or although nobody could refuse it. */
class SessionRemainsTest extends SessionFixture {

    private static final Session.Terms TERMS = terms("a", 64 * MIB);

    // ------------------------------------------------------------------ held

    @Test
    void whatIsHeldAlreadyIsChargedOverTheLimitAndSaidSo() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 60 * MIB);
        TestPage page = world.memory.last();

        assertThat(hold(session, process, 10 * MIB)).isEqualTo(new ChargeReply.Granted(1, 0, 70 * MIB));
        assertThat(page.charge()).isEqualTo(70 * MIB);
        assertThat(page.isGated()).isTrue();
        assertThat(journaled()).last().isEqualTo(new Booked(new LedgerEvent.Held(process, DEVICE, 70 * MIB)));
        assertThat(said(Operation.GRANT))
                .last()
                .isEqualTo("grant ok session a pid " + process.pid() + " uid 1000 device 0 " + 10 * MIB
                        + ": held already");
    }

    @Test
    void anExpiredSessionChargesWhatIsHeldAlreadyAndRefusesTheRest() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 8 * MIB);
        session.tell(new Session.Follow(expired(TERMS)));

        assertThat(hold(session, process, MIB)).isEqualTo(new ChargeReply.Granted(1, 0, 9 * MIB));
        assertThat(charge(session, process, World.image(1), MIB))
                .isInstanceOfSatisfying(
                        ChargeReply.Denied.class,
                        denied -> assertThat(denied.code()).isEqualTo(ErrorCode.SESSION_EXPIRED));
    }

    // ------------------------------------------------------------- lingering

    @Test
    void whatADeadMemberHeldCountsUntilItsChildIsGone() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        world.memory.last().used[0] = 30 * MIB;
        ProcessId child = keeper();

        world.kill(process);

        await().until(() -> !describe(session).remainders().isEmpty());
        SessionView view = describe(session);
        assertThat(view.members()).isEmpty();
        assertThat(view.remainders())
                .containsExactly(new Remainder(process, DEVICE, 30 * MIB, Remainder.Reason.LINGERING));
        assertThat(view.devices()).containsExactly(new DeviceUse(DEVICE, 64 * MIB, 30 * MIB, 30 * MIB));
        assertThat(said(Operation.RECLAIM)).isEmpty();
        assertThat(said(Operation.COLLECT))
                .containsExactly("collect ok session a pid " + process.pid() + " uid 1000 device 0 " + 34 * MIB);

        world.awaitWatched(child);
        world.table.holders.remove(child);
        world.kill(child);

        await().until(() -> describe(session).remainders().isEmpty());
        assertThat(describe(session).devices()).isEmpty();
        assertThat(said(Operation.RECLAIM))
                .containsExactly(
                        "reclaim ok session a pid " + process.pid() + " uid -1 device 0 " + 30 * MIB + ": LINGERED");
        await().untilAsserted(() -> sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty())));
    }

    @Test
    void aRoundFindsThatTheDeviceWasClosed() {
        ActorRef<Session.Command> session = openWithRounds(TERMS, ROUND);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = keeper();
        world.kill(process);
        await().until(() -> !describe(session).remainders().isEmpty());

        world.table.holders.remove(child);

        await().until(() -> describe(session).remainders().isEmpty());
    }

    @Test
    void aMemberThatHasTheDeviceOpenKeepsNothing() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId sibling = fill(session, World.image(2), 8 * MIB);
        world.table.holders.add(sibling);
        world.table.environments.put(sibling, new SessionId("a"));

        world.kill(process);

        await().until(() -> describe(session).members().size() == 1);
        assertThat(describe(session).remainders()).isEmpty();
        assertThat(said(Operation.RECLAIM)).hasSize(1);
    }

    @Test
    void aMemberThatHeldNothingIsGoneAtOnceWhoeverHasTheDeviceOpen() {
        ActorRef<Session.Command> session = open(keeping(TERMS));
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        world.memory.last().used[0] = 0;
        keeper();
        world.blocking.hold();

        world.kill(process);

        await().until(() -> describe(session).members().isEmpty());
        assertThat(describe(session).remainders()).isEmpty();
    }

    @Test
    void whatLingersSurvivesTheDaemon() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = keeper();
        world.kill(process);
        await().until(() -> !describe(session).remainders().isEmpty());

        kit.stop(session);
        ActorRef<Session.Command> again = openWithRounds(TERMS, ROUND);

        assertThat(describe(again).remainders())
                .containsExactly(new Remainder(process, DEVICE, 40 * MIB, Remainder.Reason.LINGERING));
        ProcessId other = world.process();
        join(again, other, World.image(3));
        assertThat(charge(again, other, World.image(3), 25 * MIB)).isInstanceOf(ChargeReply.Denied.class);
        world.table.holders.remove(child);
        await().until(() -> describe(again).remainders().isEmpty());
        assertThat(charge(again, other, World.image(3), 25 * MIB)).isInstanceOf(ChargeReply.Granted.class);
    }

    @Test
    void ofAMemberThatDiedWhileThereWasNoDaemonItsWholeChargeLingers() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        world.memory.last().used[0] = 10 * MIB;
        keeper();

        kit.stop(session);
        world.kill(process);
        ActorRef<Session.Command> again = open(TERMS);

        assertThat(describe(again).remainders())
                .containsExactly(new Remainder(process, DEVICE, 64 * MIB, Remainder.Reason.LINGERING));
    }

    @Test
    void aMemberThatLivesKeepsNothingOfOneThatDiedWhileThereWasNoDaemon() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId sibling = fill(session, World.image(2), 8 * MIB);
        world.table.holders.add(sibling);

        kit.stop(session);
        world.kill(process);
        ActorRef<Session.Command> again = open(TERMS);

        assertThat(describe(again).remainders()).isEmpty();
        assertThat(describe(again).devices()).containsExactly(new DeviceUse(DEVICE, 64 * MIB, 8 * MIB, 16 * MIB));
    }

    @Test
    void aDeathThatCannotBeLookedIntoStaysChargedUntilItCan() {
        ActorRef<Session.Command> session = open(keeping(TERMS));
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        world.table.blindness.set(1);

        world.kill(process);

        await().until(() -> world.table.blindness.get() == 0);
        assertThat(describe(session).devices()).containsExactly(new DeviceUse(DEVICE, 64 * MIB, 40 * MIB, 64 * MIB));
        await().atMost(Duration.ofSeconds(5))
                .until(() -> describe(session).members().isEmpty());
        assertThat(said(Operation.RECLAIM)).hasSize(1);
    }

    @Test
    void aRequestThatADeathMayMakeRoomForWaitsUntilThatIsLookedInto() {
        ActorRef<Session.Command> session = open(TERMS);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId other = world.process();
        join(session, other, World.image(2));
        world.blocking.hold();
        world.kill(process);
        world.blocking.awaitWork();

        TestProbe<ChargeReply> reply = kit.createTestProbe();
        session.tell(new Session.Charge(other, World.image(2), 0, 40 * MIB, false, 1, reply.getRef()));
        assertThat(describe(session).members()).as("nothing is decided yet").hasSize(2);
        reply.expectNoMessage(Duration.ZERO);
        world.blocking.release();

        assertThat(reply.receiveMessage()).isEqualTo(new ChargeReply.Granted(1, 0, 64 * MIB));
    }

    @Test
    void theSessionDoesNotEndWhileSomethingLingers() {
        ActorRef<Session.Command> session = openWithRounds(TERMS, ROUND);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = world.process();
        world.table.parents.put(child, process);
        world.table.holders.add(child);
        await().until(() -> world.telemetry.of(Operation.GRANT).size() == 1);
        awaitKnown(session, child);

        world.kill(process);
        await().until(() -> !describe(session).remainders().isEmpty());
        sessions.expectNoMessage(GRACE.multipliedBy(2));

        world.kill(child);
        sessions.expectMessage(new Sessions.Ended(new SessionId("a"), Optional.empty()));
    }

    // ---------------------------------------------- what an exec leaves behind

    @Test
    void whatAProgramHeldBeforeAnExecCountsUntilItsChildIsGone() {
        ActorRef<Session.Command> session = openWithRounds(keeping(TERMS), ROUND);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        world.memory.last().used[0] = 30 * MIB;
        ProcessId child = keeper();

        world.exec(process);

        await().until(() -> describe(session).members().isEmpty());
        SessionView view = describe(session);
        assertThat(view.remainders())
                .containsExactly(new Remainder(process, DEVICE, 30 * MIB, Remainder.Reason.LINGERING));
        assertThat(view.devices()).containsExactly(new DeviceUse(DEVICE, 64 * MIB, 30 * MIB, 30 * MIB));

        world.table.holders.remove(child);

        await().until(() -> describe(session).remainders().isEmpty());
        assertThat(describe(session).devices()).isEmpty();
    }

    @Test
    void theNextProgramOfAProcessIsWelcomedWhileWhatTheFormerHeldIsKept() {
        ActorRef<Session.Command> session = openWithRounds(keeping(TERMS), ROUND);
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = keeper();

        TestPage page = join(session, process, World.image(2));
        assertThat(describe(session).remainders())
                .containsExactly(new Remainder(process, DEVICE, 40 * MIB, Remainder.Reason.LINGERING));
        assertThat(charge(session, process, World.image(2), 25 * MIB)).isInstanceOf(ChargeReply.Denied.class);
        assertThat(charge(session, process, World.image(2), 20 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        page.used[0] = 20 * MIB;

        world.table.holders.remove(child);

        await().until(() -> describe(session).remainders().isEmpty());
        assertThat(describe(session).members())
                .as("the process lives and keeps what its present program holds")
                .extracting(MemberView::used)
                .containsExactly(20 * MIB);
    }

    @Test
    void whatOneProgramAfterTheOtherLeftBehindAddsUp() {
        ActorRef<Session.Command> session = openWithRounds(keeping(TERMS), ROUND);
        ProcessId process = fill(session, World.image(1), 10 * MIB);
        ProcessId child = keeper();
        join(session, process, World.image(2)).used[0] = 0;
        assertThat(charge(session, process, World.image(2), 20 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        world.memory.last().used[0] = 20 * MIB;

        world.kill(process);

        await().until(() -> describe(session).members().isEmpty());
        assertThat(describe(session).remainders())
                .containsExactly(new Remainder(process, DEVICE, 30 * MIB, Remainder.Reason.LINGERING));
        world.table.holders.remove(child);
        await().until(() -> describe(session).remainders().isEmpty());
    }

    @Test
    void whatAnExecLeftBehindOutlivesTheDeathOfTheNextProgram() {
        ActorRef<Session.Command> session = openWithRounds(keeping(TERMS), ROUND);
        ProcessId process = fill(session, World.image(1), 10 * MIB);
        ProcessId child = keeper();
        join(session, process, World.image(2));

        world.kill(process);

        await().until(() -> describe(session).members().isEmpty());
        assertThat(describe(session).remainders())
                .containsExactly(new Remainder(process, DEVICE, 10 * MIB, Remainder.Reason.LINGERING));
        world.table.holders.remove(child);
        await().until(() -> describe(session).remainders().isEmpty());
    }

    @Test
    void whoJoinsAgainWhileItsRemainsAreLookedAtIsNotTakenForDead() {
        ActorRef<Session.Command> session = open(keeping(TERMS));
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = keeper();
        world.exec(process);
        session.tell(new Session.Disconnected(process, World.image(1)));
        await().until(() -> describe(session).members().isEmpty());
        assertThat(describe(session).remainders()).hasSize(1);
        world.table.holders.remove(child);
        world.blocking.hold();
        session.tell(new Session.MakeRound());
        world.blocking.awaitWork();

        TestProbe<Session.HelloReply> welcome = kit.createTestProbe();
        session.tell(new Session.Hello(
                new Peer(process, World.OWNER), TOKEN, World.image(2), List.of(DEVICE), welcome.getRef()));
        describe(session);
        world.blocking.release();

        welcome.expectMessageClass(Session.HelloReply.Welcomed.class);
        await().until(() -> describe(session).remainders().isEmpty());
        assertThat(describe(session).members()).hasSize(1);
        assertThat(charge(session, process, World.image(2), 40 * MIB)).isInstanceOf(ChargeReply.Granted.class);
    }

    @Test
    void whatAProgramHeldBeforeAnExecWithoutADaemonIsKeptToo() {
        ActorRef<Session.Command> session = open(keeping(TERMS));
        ProcessId process = fill(session, World.image(1), 40 * MIB);
        ProcessId child = keeper();

        kit.stop(session);
        world.exec(process);
        ActorRef<Session.Command> again = openWithRounds(keeping(TERMS), ROUND);

        assertThat(describe(again).remainders())
                .containsExactly(new Remainder(process, DEVICE, 64 * MIB, Remainder.Reason.LINGERING));
        world.table.holders.remove(child);
        await().until(() -> describe(again).remainders().isEmpty());
    }

    // ------------------------------------------------------------ unenforced

    @Test
    void aProcessThatTheLimitDoesNotReachIsShownAndSaidOnceUntilItIsGone() {
        ProcessId leader = world.process();
        ActorRef<Session.Command> session = openWithRounds(led(TERMS, leader), ROUND);
        ProcessId stray = world.process();
        world.table.parents.put(stray, leader);
        Unenforced past = new Unenforced(stray.pid(), "./static", "its program is static");
        world.table.unenforced.put(stray, past);

        await().until(() -> describe(session).unenforced().equals(List.of(past)));
        int looks = world.table.surveys.get();
        await().until(() -> world.table.surveys.get() > looks + 3);
        assertThat(said(Operation.UNENFORCED))
                .containsExactly(
                        "unenforced ok session a pid " + stray.pid() + " uid -1 0: its program is static: ./static");

        world.table.parents.remove(stray);
        int later = world.table.surveys.get();
        await().until(() -> world.table.surveys.get() > later + 3);
        assertThat(describe(session).unenforced())
                .as("its parent is gone, not it")
                .containsExactly(past);

        world.kill(stray);
        await().until(() -> describe(session).unenforced().isEmpty());
    }

    @Test
    void aSessionThatHasHadNobodyYetIsLookedAtFromTheMomentWhenItsTokenIsOutUntilItEnds() {
        ActorRef<Session.Command> session =
                openWithRounds(with(TERMS, Abi.FLAG_NO_LEADER, Optional.empty(), false), ROUND);
        ProcessId stray = world.process();
        world.table.environments.put(stray, new SessionId("a"));
        Unenforced past = new Unenforced(stray.pid(), "./static", "its program is static");
        world.table.unenforced.put(stray, past);

        await().until(() -> describe(session).unenforced().equals(List.of(past)));

        world.kill(stray);
        TestProbe<Sessions.RemoveReply> removed = kit.createTestProbe();
        session.tell(new Session.Remove(
                new Sessions.Remove(new Caller(1, World.OWNER, false), "a", List.of(), true, removed.getRef())));
        sessions.expectMessageClass(Sessions.Ended.class);
        int last = world.table.surveys.get() + 1;
        sessions.expectMessageClass(Sessions.Ended.class);
        assertThat(world.table.surveys).hasValueLessThanOrEqualTo(last);
    }

    @Test
    void aMemberIsNotUnenforced() {
        ActorRef<Session.Command> session = openWithRounds(TERMS, ROUND);
        ProcessId process = fill(session, World.image(1), MIB);
        world.table.unenforced.put(process, new Unenforced(process.pid(), "train", "it is seen too early"));

        int looks = world.table.surveys.get();
        await().until(() -> world.table.surveys.get() > looks + 3);
        assertThat(describe(session).unenforced()).isEmpty();
    }

    /** A living process of the session that is no member and has the device open. */
    private ProcessId keeper() {
        ProcessId child = world.process();
        world.table.environments.put(child, new SessionId("a"));
        world.table.holders.add(child);
        return child;
    }

    private void awaitKnown(ActorRef<Session.Command> session, ProcessId child) {
        Unenforced mark = new Unenforced(child.pid(), "", "a mark");
        world.table.unenforced.putAll(Map.of(child, mark));
        await().until(() -> describe(session).unenforced().contains(mark));
    }

    private ChargeReply hold(ActorRef<Session.Command> session, ProcessId process, long bytes) {
        TestProbe<ChargeReply> reply = kit.createTestProbe();
        session.tell(new Session.Charge(process, World.image(1), 0, bytes, true, 1, reply.getRef()));
        return reply.receiveMessage();
    }
}
