// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Sessions.FindReply;
import io.gpuslice.actors.Sessions.InspectReply;
import io.gpuslice.actors.Sessions.OpenReply;
import io.gpuslice.actors.Sessions.RemoveReply;
import io.gpuslice.actors.Sessions.UpdateReply;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

class SessionsTest extends SessionsFixture {

    // ------------------------------------------------------------------ open

    @Test
    void anOpenedSessionHasARandomIdAndATokenThatIsNotKept() {
        ActorRef<Sessions.Command> sessions = begin();

        OpenReply.Opened one = open(sessions, "64MB");
        OpenReply.Opened other = open(sessions, "64MB");

        assertThat(one.id().text())
                .matches("[0-9a-f]{16}")
                .isNotEqualTo(other.id().text());
        assertThat(one.token()).matches("[0-9a-f]{64}").isNotEqualTo(other.token());
        assertThat(journal.persistedInStorage(LIST).toString())
                .contains(one.id().text(), TokenHash.of(one.token()).hex())
                .doesNotContain(one.token());
    }

    @Test
    void aLimitThatMakesNoSenseIsRefusedWithTheAcceptedForms() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(tryOpen(sessions, US, "8 potatoes", Duration.ZERO, 0))
                .isInstanceOfSatisfying(OpenReply.Refused.class, refused -> {
                    assertThat(refused.code()).isEqualTo(ErrorCode.BAD_REQUEST);
                    assertThat(refused.text()).contains("8 potatoes").contains("8GB");
                });
        assertThat(journal.persistedInStorage(LIST)).hasSize(1);
    }

    @Test
    void aNameThatAnotherSessionHasIsAllowedWithAWarning() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened one = openNamed(sessions, "train");

        assertThat(one.warning()).isEmpty();
        assertThat(openNamed(sessions, "train").warning())
                .isEqualTo("another session is called train (" + one.id() + "): use the id");
        assertThat(openNamed(sessions, "train").warning()).isEqualTo("2 other sessions are called train: use the id");
        assertThat(openNamed(sessions, "").warning()).isEmpty();
        assertThat(openNamed(sessions, "").warning()).isEmpty();
    }

    @Test
    void aNameThatIsTooLongIsRefusedWithItsLength() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(openNamed(sessions, "ü".repeat(31)).warning()).isEmpty();
        TestProbe<OpenReply> reply = kit.createTestProbe();
        sessions.tell(
                new Sessions.Open(US, "64MB", "ü".repeat(32), Duration.ZERO, 0, Optional.empty(), reply.getRef()));
        assertThat(reply.expectMessageClass(OpenReply.Refused.class).text()).contains("at most 63", "has 64");
    }

    @Test
    void aLimitAboveTheDeviceWarns() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(open(sessions, "2GB").warning()).contains("2.0 GiB").contains("1.0 GiB");
        assertThat(open(sessions, "50%").warning()).isEmpty();
    }

    @Test
    void anotherUserOpensNothing() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(tryOpen(sessions, STRANGER, "64MB", Duration.ZERO, 0))
                .isInstanceOfSatisfying(
                        OpenReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.FORBIDDEN));
    }

    @Test
    void moreSessionsThanAreAllowedAreRefusedAsOverloaded() {
        ActorRef<Sessions.Command> sessions = begin();
        for (int i = 0; i < 8; i++) {
            open(sessions, "64MB");
        }

        assertThat(tryOpen(sessions, US, "64MB", Duration.ZERO, 0))
                .isInstanceOfSatisfying(OpenReply.Refused.class, refused -> {
                    assertThat(refused.code()).isEqualTo(ErrorCode.OVERLOADED);
                    assertThat(refused.text()).contains("8 sessions");
                });
    }

    @Test
    void howManyThereMayBeMayChangeAndStaysSoWhenTheJournalFails() {
        ActorRef<Sessions.Command> sessions = begin();
        open(sessions, "64MB");

        sessions.tell(new Sessions.Adjust(8, new Caps(Optional.of(1), Optional.empty())));
        assertThat(tryOpen(sessions, US, "64MB", Duration.ZERO, 0))
                .isInstanceOfSatisfying(
                        OpenReply.Refused.class,
                        refused -> assertThat(refused.text()).contains("access.sessions-per-user allows 1"));

        sessions.tell(new Sessions.Adjust(2, Caps.NONE));
        journal.failNextPersisted(LIST, new IOException("No space left on device"));
        assertThat(tryOpen(sessions, US, "64MB", Duration.ZERO, 0)).isInstanceOf(OpenReply.Refused.class);
        open(sessions, "64MB");
        assertThat(tryOpen(sessions, US, "64MB", Duration.ZERO, 0))
                .isInstanceOfSatisfying(
                        OpenReply.Refused.class,
                        refused ->
                                assertThat(refused.text()).startsWith("2 sessions are open, and sessions.max allows"));
    }

    @Test
    void anOpenThatCannotBeRecordedIsRefusedWithTheReasonAndTheNextOneWorks() {
        ActorRef<Sessions.Command> sessions = begin();
        journal.failNextPersisted(LIST, new IOException("No space left on device"));

        assertThat(tryOpen(sessions, US, "64MB", Duration.ZERO, 0))
                .isEqualTo(new OpenReply.Refused(
                        ErrorCode.INTERNAL,
                        "the request could not be recorded: No space left on device; nothing has changed"));
        assertThat(list(sessions, US)).isEmpty();
        open(sessions, "64MB");
        assertThat(list(sessions, US)).hasSize(1);
    }

    @Test
    void aJoinGivesAnotherTokenThatOpensTheSameSession() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        TestProbe<OpenReply> reply = kit.createTestProbe();

        sessions.tell(new Sessions.Join(US, opened.id().text().substring(0, 6), reply.getRef()));

        OpenReply.Opened joined = reply.expectMessageClass(OpenReply.Opened.class);
        assertThat(joined.id()).isEqualTo(opened.id());
        assertThat(hello(sessions, opened.id(), opened.token())).isInstanceOf(Session.HelloReply.Welcomed.class);
        assertThat(hello(sessions, opened.id(), joined.token())).isInstanceOf(Session.HelloReply.Welcomed.class);
    }

    @Test
    void theTokenOfAnotherSessionOpensNothing() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened one = open(sessions, "64MB");
        OpenReply.Opened other = open(sessions, "64MB");

        assertThat(hello(sessions, one.id(), other.token()))
                .isInstanceOfSatisfying(
                        Session.HelloReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.UNAUTHENTICATED));
    }

    // ------------------------------------------------------------------ look

    @Test
    void anUnknownSessionIsSaidToBeUnknown() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(find(sessions, new SessionId("feed")))
                .isInstanceOfSatisfying(
                        FindReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.SESSION_UNKNOWN));
    }

    @Test
    void anotherUserSeesNothing() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");

        assertThat(list(sessions, STRANGER)).isEmpty();
        assertThat(list(sessions, new Caller(3, 0, false))).hasSize(1);
        assertThat(inspect(sessions, STRANGER, opened.id().text()))
                .isInstanceOfSatisfying(
                        InspectReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.FORBIDDEN));
    }

    @Test
    void aSelectorThatMayBeTwoSessionsIsRefusedWithBoth() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened one = openNamed(sessions, "train");
        OpenReply.Opened other = openNamed(sessions, "train");

        assertThat(inspect(sessions, US, "train"))
                .isInstanceOfSatisfying(
                        InspectReply.Refused.class,
                        refused -> assertThat(refused.text())
                                .contains(one.id().text(), other.id().text()));
        assertThat(inspect(sessions, US, one.id().text())).isInstanceOf(InspectReply.Seen.class);
    }

    // --------------------------------------------------------------- restart

    @Test
    void aRestartBringsEverySessionBack() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        List<SessionView> before = list(sessions, US);
        kit.stop(sessions);

        ActorRef<Sessions.Command> restarted = spawn("state", true);

        start.expectMessage(new Sessions.Start.Ready(1));
        assertThat(list(restarted, US)).isEqualTo(before);
        assertThat(hello(restarted, opened.id(), opened.token())).isInstanceOf(Session.HelloReply.Welcomed.class);
    }

    @Test
    void anEmptyListWhereThereWasOneIsALossAndNoBeginning() {
        spawn("state", true);

        assertThat(start.expectMessageClass(Sessions.Start.Unusable.class).reason())
                .contains("empty, although there was one");
    }

    @Test
    void theListOfAnotherDirectoryIsNotTaken() {
        kit.stop(begin());

        spawn("another state", true);

        assertThat(start.expectMessageClass(Sessions.Start.Unusable.class).reason())
                .contains("another state directory");
    }

    @Test
    void aListThatHasLostItsBeginningIsNotTaken() {
        journal.persistForRecovery(LIST, List.of(new SessionsEvent.Closed(new SessionId("a"))));

        spawn("state", true);

        assertThat(start.expectMessageClass(Sessions.Start.Unusable.class).reason())
                .contains("This cannot have happened");
    }

    @Test
    void oneSessionWhoseBooksCannotBeReadDoesNotKeepTheOthersFromStarting() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened broken = open(sessions, "64MB");
        OpenReply.Opened whole = open(sessions, "64MB");
        kit.stop(sessions);
        journal.persistForRecovery(
                "session-0", List.of(new SessionEvent.Departed(world.process(), 1, SessionView.Counters.NONE)));

        ActorRef<Sessions.Command> restarted = spawn("state", true);

        start.expectMessage(new Sessions.Start.Ready(2));
        assertThat(hello(restarted, whole.id(), whole.token())).isInstanceOf(Session.HelloReply.Welcomed.class);
        assertThat(find(restarted, broken.id()))
                .isInstanceOfSatisfying(
                        FindReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.INTERNAL));
    }

    @Test
    void aSessionWhoseActorHasEndedByItselfIsReachableAgain() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        assertThat(find(sessions, opened.id())).isInstanceOfSatisfying(FindReply.Found.class, found -> {
            found.session().tell(new Session.Stop());
            start.expectTerminated(found.session());
        });

        await().untilAsserted(() -> assertThat(hello(sessions, opened.id(), opened.token()))
                .isInstanceOf(Session.HelloReply.Welcomed.class));
    }

    // ------------------------------------------------------- TTL, other terms

    @Test
    void aSessionExpiresWhenItsTimeIsOver() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMillis(50), Abi.FLAG_KEEP));

        assertThat(inspected(sessions, opened.id()).state()).isEqualTo(SessionState.ACTIVE);
        world.clock.pass(Duration.ofMillis(50));

        await().until(() -> inspected(sessions, opened.id()).state() == SessionState.EXPIRED);
        assertThat(inspected(sessions, opened.id()).ttlLeft()).contains(Duration.ZERO);
    }

    @Test
    void whoJoinsAnExpiredSessionIsTold() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMillis(50), Abi.FLAG_KEEP));
        world.clock.pass(Duration.ofMillis(50));
        await().until(() -> inspected(sessions, opened.id()).state() == SessionState.EXPIRED);
        TestProbe<OpenReply> reply = kit.createTestProbe();

        sessions.tell(new Sessions.Join(US, opened.id().text(), reply.getRef()));

        assertThat(reply.expectMessageClass(OpenReply.Opened.class).warning())
                .contains(opened.id() + " has expired", "gpuslice update");
    }

    @Test
    void aTtlGoesOnOverARestart() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMinutes(10), 0));
        kit.stop(sessions);
        world.clock.pass(Duration.ofMinutes(4));

        ActorRef<Sessions.Command> restarted = spawn("state", true);
        start.expectMessage(new Sessions.Start.Ready(1));

        assertThat(inspected(restarted, opened.id()).ttlLeft()).contains(Duration.ofMinutes(6));
    }

    @Test
    void aWallClockThatIsSetMovesNoTtl() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMinutes(10), Abi.FLAG_KEEP));

        for (Duration jump : List.of(Duration.ofHours(5), Duration.ofDays(-9000), Duration.ofDays(200_000))) {
            world.clock.setWall(jump);
            world.clock.pass(Duration.ofMinutes(2));
            Duration left = inspected(sessions, opened.id()).ttlLeft().orElseThrow();
            kit.stop(sessions);
            sessions = spawn("state", true);
            start.expectMessage(new Sessions.Start.Ready(1));
            assertThat(inspected(sessions, opened.id()).ttlLeft())
                    .as("over a restart of the daemon, after a jump by %s", jump)
                    .contains(left);
        }

        assertThat(inspected(sessions, opened.id()).ttlLeft()).contains(Duration.ofMinutes(4));
        assertThat(inspected(sessions, opened.id()).state()).isEqualTo(SessionState.ACTIVE);
    }

    @Test
    void overAStartOfTheMachineATtlGoesOnByTheWallClock() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened running = opened(tryOpen(sessions, US, "64MB", Duration.ofMinutes(10), Abi.FLAG_KEEP));
        OpenReply.Opened over = opened(tryOpen(sessions, US, "64MB", Duration.ofMinutes(3), Abi.FLAG_KEEP));
        kit.stop(sessions);
        world.clock.pass(Duration.ofMinutes(4));
        world.clock.reboot("second boot");

        ActorRef<Sessions.Command> restarted = spawn("state", true);
        start.expectMessage(new Sessions.Start.Ready(2));

        assertThat(inspected(restarted, running.id()).ttlLeft()).contains(Duration.ofMinutes(6));
        await().until(() -> inspected(restarted, over.id()).state() == SessionState.EXPIRED);
        world.clock.setWall(Duration.ofHours(5));
        assertThat(inspected(restarted, running.id()).ttlLeft()).contains(Duration.ofMinutes(6));
    }

    @Test
    void aTtlDoesNotGetLongerByAMachineThatForgotTheTime() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMinutes(10), Abi.FLAG_KEEP));
        update(sessions, opened.id(), Optional.empty(), Optional.of(Duration.ofMinutes(20)));
        kit.stop(sessions);
        world.clock.setWall(Duration.ofDays(-20_000));
        world.clock.reboot("second boot");

        ActorRef<Sessions.Command> restarted = spawn("state", true);
        start.expectMessage(new Sessions.Start.Ready(1));

        assertThat(inspected(restarted, opened.id()).ttlLeft()).contains(Duration.ofMinutes(20));
    }

    @Test
    void aTtlOfTenYearsIsOverAfterTenYears() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofDays(3650), Abi.FLAG_KEEP));

        world.clock.pass(Duration.ofDays(3649));
        assertThat(inspected(sessions, opened.id()).ttlLeft()).contains(Duration.ofDays(1));
        kit.stop(sessions);
        world.clock.pass(Duration.ofDays(1));
        ActorRef<Sessions.Command> restarted = spawn("state", true);
        start.expectMessage(new Sessions.Start.Ready(1));

        await().until(() -> inspected(restarted, opened.id()).state() == SessionState.EXPIRED);
    }

    @Test
    void aTtlThatNoCalendarHoldsIsRefused() {
        ActorRef<Sessions.Command> sessions = begin();

        assertThat(tryOpen(sessions, US, "64MB", Duration.ofSeconds(Long.MAX_VALUE), 0))
                .isInstanceOfSatisfying(
                        OpenReply.Refused.class,
                        refused -> assertThat(refused.text()).contains("at most 3650 days"));
    }

    @Test
    void anExpiredSessionIsRenewedAndResized() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMillis(50), Abi.FLAG_KEEP));
        world.clock.pass(Duration.ofMillis(50));
        await().until(() -> inspected(sessions, opened.id()).state() == SessionState.EXPIRED);
        TestProbe<UpdateReply> reply = kit.createTestProbe();

        sessions.tell(new Sessions.Update(
                US,
                opened.id().text(),
                List.of(),
                Optional.of("128MB"),
                Optional.of(Duration.ofHours(1)),
                reply.getRef()));

        reply.expectMessage(new UpdateReply.Updated(opened.id(), ""));
        SessionView view = inspected(sessions, opened.id());
        assertThat(view.state()).isEqualTo(SessionState.ACTIVE);
        assertThat(view.limit()).isEqualTo("128MB");
        assertThat(view.defaultLimit()).isEqualTo(128 * MIB);
        assertThat(view.ttlLeft()).contains(Duration.ofHours(1));
    }

    @Test
    void whoHasSeenAnOlderSessionChangesNothing() {
        ActorRef<Sessions.Command> sessions = begin();
        SessionId id = open(sessions, "64MB").id();
        String seen = inspected(sessions, id).version();
        TestProbe<UpdateReply> updated = kit.createTestProbe();
        TestProbe<RemoveReply> removed = kit.createTestProbe();

        sessions.tell(new Sessions.Update(
                US, id.text(), List.of("other", seen), Optional.of("128MB"), Optional.empty(), updated.getRef()));
        updated.expectMessage(new UpdateReply.Updated(id, ""));
        String now = inspected(sessions, id).version();
        sessions.tell(new Sessions.Update(
                US, id.text(), List.of(seen), Optional.of("1GB"), Optional.empty(), updated.getRef()));
        sessions.tell(new Sessions.Remove(US, id.text(), List.of(seen), true, removed.getRef()));

        updated.expectMessage(new UpdateReply.Outdated(id, now));
        removed.expectMessage(new RemoveReply.Outdated(id, now));
        assertThat(inspected(sessions, id).limit()).isEqualTo("128MB");
        assertThat(now).isNotEqualTo(seen).hasSize(16);
    }

    @Test
    void theVersionIsAnotherWithEachTtlAndTheSameAfterARestart() {
        ActorRef<Sessions.Command> sessions = begin();
        SessionId id = open(sessions, "64MB").id();
        String first = inspected(sessions, id).version();
        update(sessions, id, Optional.empty(), Optional.of(Duration.ofHours(1)));
        String second = inspected(sessions, id).version();
        world.clock.pass(Duration.ofMinutes(1));
        assertThat(inspected(sessions, id).version()).isEqualTo(second).isNotEqualTo(first);
        update(sessions, id, Optional.empty(), Optional.of(Duration.ofHours(1)));
        String third = inspected(sessions, id).version();

        kit.stop(sessions);
        ActorRef<Sessions.Command> restarted = spawn("state", true);
        start.expectMessage(new Sessions.Start.Ready(1));

        assertThat(inspected(restarted, id).version()).isEqualTo(third).isNotEqualTo(second);
    }

    // ------------------------------------------------------------------- end

    @Test
    void aSessionThatNobodyEverJoinedClosesWhenItsTimeIsOver() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMillis(50), 0));
        world.clock.pass(Duration.ofMillis(50));

        await().untilAsserted(() -> assertThat(find(sessions, opened.id()))
                .isInstanceOfSatisfying(
                        FindReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.SESSION_CLOSED)));
    }

    @Test
    void aRemovedSessionIsClosedAndItsSlotIsUsedAgain() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened first = opened(tryOpen(sessions, US, "64MB", Duration.ZERO, Abi.FLAG_KEEP));
        hello(sessions, first.id(), first.token());
        TestProbe<RemoveReply> removed = kit.createTestProbe();
        world.table.alive.forEach(world::awaitWatched);
        world.table.alive.forEach(world::kill);

        await().untilAsserted(() -> {
            sessions.tell(new Sessions.Remove(US, first.id().text(), List.of(), false, removed.getRef()));
            assertThat(removed.receiveMessage()).isEqualTo(new RemoveReply.Removed(first.id()));
        });

        assertThat(find(sessions, first.id()))
                .isInstanceOfSatisfying(
                        FindReply.Refused.class,
                        refused -> assertThat(refused.code()).isEqualTo(ErrorCode.SESSION_CLOSED));
        await().untilAsserted(() -> {
            open(sessions, "64MB");
            assertThat(journal.persistedInStorage(LIST).getLast())
                    .isInstanceOfSatisfying(
                            SessionsEvent.Opened.class,
                            opened -> assertThat(opened.slot()).isZero());
        });
    }

    @Test
    void aStrangerRemovesNothing() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        TestProbe<RemoveReply> reply = kit.createTestProbe();

        sessions.tell(new Sessions.Remove(STRANGER, opened.id().text(), List.of(), true, reply.getRef()));

        assertThat(reply.expectMessageClass(RemoveReply.Refused.class).code()).isEqualTo(ErrorCode.FORBIDDEN);
        assertThat(list(sessions, US)).hasSize(1);
    }
}
