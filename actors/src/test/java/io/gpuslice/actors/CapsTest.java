// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Sessions.OpenReply;
import io.gpuslice.actors.Sessions.UpdateReply;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

/** What one user of a daemon that serves several may have in sum, and what each of them sees. */
class CapsTest extends SessionsFixture {

    private static final int ADMINS = 60;
    private static final Access SYSTEM =
            new Access(false, 0, new Served(false, Set.of(OWNER, OWNER + 1), Set.of(), Set.of(ADMINS)));
    private static final Caller ADMIN = new Caller(3, OWNER, Set.of(ADMINS), false);

    private ActorRef<Sessions.Command> begin(Caps caps) {
        ActorRef<Sessions.Command> sessions = spawn("state", false, SYSTEM, caps);
        start.expectMessage(new Sessions.Start.Ready(0));
        return sessions;
    }

    private static Caps sessions(int most) {
        return new Caps(Optional.of(most), Optional.empty());
    }

    private static Caps limit(long bytes) {
        return new Caps(Optional.empty(), Optional.of(bytes));
    }

    private OpenReply tryOpen(ActorRef<Sessions.Command> sessions, Caller caller, String limit) {
        return tryOpen(sessions, caller, limit, Duration.ZERO, 0);
    }

    private static void assertRefused(OpenReply reply, String why) {
        assertThat(reply).isInstanceOfSatisfying(OpenReply.Refused.class, refused -> {
            assertThat(refused.code()).isEqualTo(ErrorCode.QUOTA_EXCEEDED);
            assertThat(refused.text()).contains(why);
        });
    }

    private UpdateReply resize(ActorRef<Sessions.Command> sessions, Caller caller, SessionId id, String limit) {
        TestProbe<UpdateReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.Update(
                caller, id.text(), List.of(), Optional.of(limit), Optional.empty(), reply.getRef()));
        return reply.receiveMessage();
    }

    @Test
    void oneSessionMoreThanAUserMayHaveIsRefusedWithTheCapTheNumberAndWhatToDo() {
        ActorRef<Sessions.Command> sessions = begin(sessions(1));
        opened(tryOpen(sessions, US, "64MB"));

        assertRefused(
                tryOpen(sessions, US, "64MB"),
                "1 sessions of uid " + OWNER + " are open, and access.sessions-per-user allows 1: end one");
        opened(tryOpen(sessions, STRANGER, "64MB"));
        opened(tryOpen(sessions, ADMIN, "64MB"));
        opened(tryOpen(sessions, new Caller(1, 0, false), "64MB"));
    }

    @Test
    void manyAtOnceAreNotMoreThanTheCapEither() {
        ActorRef<Sessions.Command> sessions = begin(sessions(2));
        TestProbe<OpenReply> replies = kit.createTestProbe();
        for (int i = 0; i < 6; i++) {
            sessions.tell(new Sessions.Open(US, "64MB", "", Duration.ZERO, 0, Optional.empty(), replies.getRef()));
        }

        assertThat(replies.receiveSeveralMessages(6))
                .filteredOn(OpenReply.Opened.class::isInstance)
                .hasSize(2);
    }

    @Test
    void theLimitsOfAUsersSessionsComeToNoMoreThanTheCapOnAnyDevice() {
        ActorRef<Sessions.Command> sessions = begin(limit(100 * World.MIB));
        SessionId first = opened(tryOpen(sessions, US, "60MB")).id();

        assertRefused(
                tryOpen(sessions, US, "41MB"),
                "come to 60.0 MiB on each device, and with 41.0 MiB more they were over the 100.0 MiB of"
                        + " access.limit-per-user");
        assertRefused(tryOpen(sessions, US, "0=41MB"), "on device " + World.DEVICE);
        assertRefused(tryOpen(sessions, US, "1M,0=41MB"), "on device " + World.DEVICE);
        opened(tryOpen(sessions, US, "40MB,0=1MB"));
        opened(tryOpen(sessions, STRANGER, "100MB"));
        assertRefused(tryOpen(sessions, US, "1MB"), "come to 100.0 MiB on each device");
        assertThat(resize(sessions, US, first, "61MB")).isInstanceOf(UpdateReply.Refused.class);
        assertThat(resize(sessions, US, first, "30MB")).isInstanceOf(UpdateReply.Updated.class);
        opened(tryOpen(sessions, US, "30MB"));
    }

    @Test
    void anAdministratorMayGiveAUserMore() {
        ActorRef<Sessions.Command> sessions = begin(limit(100 * World.MIB));
        SessionId session = opened(tryOpen(sessions, US, "100MB")).id();

        assertThat(resize(sessions, ADMIN, session, "200MB")).isInstanceOf(UpdateReply.Updated.class);
        assertThat(resize(sessions, US, session, "150MB"))
                .as("it comes down by steps")
                .isInstanceOf(UpdateReply.Updated.class);
    }

    @Test
    void eachUserSeesAndChangesItsOwnAndAnAdministratorAll() {
        ActorRef<Sessions.Command> sessions = begin(Caps.NONE);
        SessionId ours = opened(tryOpen(sessions, US, "64MB")).id();
        SessionId theirs = opened(tryOpen(sessions, STRANGER, "64MB")).id();

        assertThat(list(sessions, US)).extracting(SessionView::id).containsExactly(ours);
        assertThat(list(sessions, STRANGER)).extracting(SessionView::id).containsExactly(theirs);
        assertThat(list(sessions, ADMIN)).extracting(SessionView::id).containsExactly(ours, theirs);
        assertThat(resize(sessions, US, theirs, "1MB")).isInstanceOf(UpdateReply.Refused.class);
        assertThat(resize(sessions, ADMIN, theirs, "1MB")).isInstanceOf(UpdateReply.Updated.class);
    }

    @Test
    void anotherUsersSessionIsNotFoundByGuessingItsNameOrTheBeginningOfItsId() {
        ActorRef<Sessions.Command> sessions = begin(Caps.NONE);
        SessionId theirs = opened(
                        tryOpen(sessions, STRANGER, "64MB", "secret-project", Duration.ZERO, 0, Optional.empty()))
                .id();

        for (String guess : new String[] {"secret-project", theirs.text().substring(0, 1)}) {
            assertThat(inspect(sessions, US, guess))
                    .isEqualTo(new Sessions.InspectReply.Refused(
                            ErrorCode.SESSION_UNKNOWN,
                            "there is no session \"" + guess + "\": `gpuslice ps` lists them"));
        }
    }
}
