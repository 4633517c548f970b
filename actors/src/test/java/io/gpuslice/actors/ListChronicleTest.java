// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.MIB;
import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Sessions.OpenReply;
import io.gpuslice.actors.Sessions.RemoveReply;
import io.gpuslice.actors.Sessions.UpdateReply;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

/** What is said of sessions as they are opened, changed and ended, and of those who are refused. */
class ListChronicleTest extends SessionsFixture {

    private static final String BY_US = " pid 1 uid 1000 ";
    private static final String BY_STRANGER = " pid 2 uid 1001 ";

    @Test
    void aSessionsLifeIsSaidFromOpenToClose() {
        ActorRef<Sessions.Command> sessions = begin();
        ProcessId leader = world.process();
        OpenReply.Opened opened = opened(
                tryOpen(sessions, US, "64MB", "train", Duration.ofHours(1), 0, Optional.of(new Peer(leader, OWNER))));
        world.awaitWatched(leader);
        TestProbe<OpenReply> joined = kit.createTestProbe();
        sessions.tell(new Sessions.Join(US, "train", joined.getRef()));
        joined.expectMessageClass(OpenReply.Opened.class);
        update(sessions, opened.id(), Optional.of("128MB"), Optional.of(Duration.ZERO));

        world.kill(leader);

        String session = " ok session " + opened.id();
        await().untilAsserted(() -> assertThat(said(Operation.values()))
                .containsExactly(
                        "open" + session + BY_US + 64 * MIB
                                + ": limit 64MB, name train, until 2026-01-01T01:00:00.000001Z",
                        "token" + session + BY_US + "0",
                        "resize" + session + BY_US + 128 * MIB + ": limit 128MB",
                        "renew" + session + BY_US + "0: without a TTL",
                        "close" + session + " pid 0 uid -1 0: nobody is left"));
    }

    @Test
    void expiryIsSaidOnceAndTheRenewalThatFollows() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ofMillis(50), Abi.FLAG_KEEP));
        world.clock.pass(Duration.ofMillis(50));
        await().until(() -> inspected(sessions, opened.id()).state() == SessionState.EXPIRED);

        update(sessions, opened.id(), Optional.empty(), Optional.of(Duration.ofHours(1)));

        assertThat(said(Operation.EXPIRE, Operation.RENEW, Operation.RESIZE))
                .containsExactly(
                        "expire ok session " + opened.id() + " pid 0 uid -1 0",
                        "renew ok session " + opened.id() + BY_US + "0: until "
                                + world.clock.now().plus(Duration.ofHours(1)));
    }

    @Test
    void whoRemovesASessionIsNamedInItsEnd() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = opened(tryOpen(sessions, US, "64MB", Duration.ZERO, Abi.FLAG_KEEP));
        TestProbe<RemoveReply> removed = kit.createTestProbe();

        sessions.tell(new Sessions.Remove(US, opened.id().text(), List.of(), false, removed.getRef()));

        removed.expectMessage(new RemoveReply.Removed(opened.id()));
        assertThat(said(Operation.CLOSE)).containsExactly("close ok session " + opened.id() + BY_US + "0: removed");
    }

    @Test
    void whoIsNotAllowedIsSaidAsALoginOfWhateverTheyAskedFor() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        String id = opened.id().text();
        TestProbe<Object> replies = kit.createTestProbe();

        tryOpen(sessions, STRANGER, "64MB", Duration.ZERO, 0);
        sessions.tell(new Sessions.Join(STRANGER, id, replies.getRef().narrow()));
        sessions.tell(new Sessions.Update(
                STRANGER,
                id,
                List.of(),
                Optional.of("1GB"),
                Optional.empty(),
                replies.getRef().narrow()));
        sessions.tell(new Sessions.Remove(
                STRANGER, id, List.of(), true, replies.getRef().narrow()));
        sessions.tell(new Sessions.Inspect(STRANGER, id, replies.getRef().narrow()));
        sessions.tell(new Sessions.Allocations(STRANGER, id, replies.getRef().narrow()));
        replies.receiveSeveralMessages(5);

        String denied = "login denied session " + id + BY_STRANGER
                + "0 FORBIDDEN: the session belongs to uid 1000, not to uid 1001";
        assertThat(said(Operation.values()))
                .hasSize(7)
                .startsWith("open ok session " + id + BY_US + 64 * MIB + ": limit 64MB")
                .element(1)
                .asString()
                .startsWith("login denied" + BY_STRANGER + "0 FORBIDDEN: uid 1001 may not open sessions here");
        assertThat(said(Operation.values()).subList(2, 7)).containsOnly(denied);
    }

    @Test
    void whatMakesNoSenseIsSaidToBeRefused() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");
        TestProbe<Object> replies = kit.createTestProbe();

        tryOpen(sessions, US, "8 potatoes", Duration.ZERO, 0);
        update(sessions, opened.id(), Optional.of("0"), Optional.empty());
        update(sessions, opened.id(), Optional.empty(), Optional.of(Duration.ofDays(4000)));
        sessions.tell(new Sessions.Join(US, "nobody", replies.getRef().narrow()));
        sessions.tell(new Sessions.Remove(
                US, "nobody", List.of(), false, replies.getRef().narrow()));
        sessions.tell(new Sessions.Inspect(US, "nobody", replies.getRef().narrow()));
        replies.receiveSeveralMessages(3);

        List<String> said = said(Operation.values());
        assertThat(said).hasSize(6);
        assertThat(said.get(1))
                .startsWith("open denied" + BY_US + "0 BAD_REQUEST: ")
                .contains("8 potatoes");
        assertThat(said.get(2)).startsWith("resize denied session " + opened.id() + BY_US + "0 BAD_REQUEST: ");
        assertThat(said.get(3))
                .isEqualTo("renew denied session " + opened.id() + BY_US
                        + "0 BAD_REQUEST: a TTL is at most 3650 days; `none` is none");
        assertThat(said.get(4)).startsWith("token denied" + BY_US + "0 SESSION_UNKNOWN: ");
        assertThat(said.get(5)).startsWith("close denied" + BY_US + "0 SESSION_UNKNOWN: ");
    }

    @Test
    void whatTheJournalDoesNotTakeIsSaidToHaveFailed() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened opened = open(sessions, "64MB");

        journal.failNextPersisted(LIST, new IOException("No space left on device"));
        assertThat(update(sessions, opened.id(), Optional.of("1GB"), Optional.empty()))
                .isInstanceOf(UpdateReply.Refused.class);

        assertThat(said(Operation.RESIZE))
                .containsExactly(
                        "resize failed session " + opened.id() + BY_US
                                + "0 INTERNAL: the request could not be recorded: No space left on device; nothing has changed");
    }

    @Test
    void anEndThatCannotBeRecordedIsSaidToHaveFailedAndThenToBeThere() {
        ActorRef<Sessions.Command> sessions = begin();
        ProcessId leader = world.process();
        OpenReply.Opened opened =
                opened(tryOpen(sessions, US, "64MB", "", Duration.ZERO, 0, Optional.of(new Peer(leader, OWNER))));
        world.awaitWatched(leader);
        journal.failNextPersisted(LIST, new IOException("No space left on device"));

        world.kill(leader);

        await().untilAsserted(() -> assertThat(said(Operation.CLOSE))
                .containsExactly(
                        "close failed session " + opened.id() + " pid 0 uid -1 0 INTERNAL: No space left on device",
                        "close ok session " + opened.id() + " pid 0 uid -1 0: nobody is left"));
    }

    @Test
    void theTotalsAreThoseOfAllSessionsAndOfThoseThatHaveEnded() {
        ActorRef<Sessions.Command> sessions = begin();
        OpenReply.Opened one = opened(tryOpen(sessions, US, "64MB", Duration.ZERO, Abi.FLAG_KEEP));
        OpenReply.Opened other = open(sessions, "64MB");
        hello(sessions, one.id(), one.token());
        world.table.alive.forEach(world::awaitWatched);
        world.table.alive.forEach(world::kill);
        await().until(() -> inspected(sessions, one.id()).members().isEmpty());
        TestProbe<RemoveReply> removed = kit.createTestProbe();
        sessions.tell(new Sessions.Remove(US, one.id().text(), List.of(), false, removed.getRef()));
        removed.expectMessage(new RemoveReply.Removed(one.id()));
        hello(sessions, other.id(), other.token());
        TestProbe<Sessions.ListReply> reply = kit.createTestProbe();

        sessions.tell(new Sessions.ListAll(US, reply.getRef()));

        assertThat(reply.expectMessageClass(Sessions.ListReply.Listed.class).totals())
                .isEqualTo(new Totals(10, 6, 2));
    }
}
