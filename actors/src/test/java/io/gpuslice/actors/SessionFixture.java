// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Session.ChargeReply;
import io.gpuslice.actors.Session.HelloReply;
import io.gpuslice.actors.Session.QueryReply;
import io.gpuslice.actors.World.TestPage;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.Abi;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.BeforeEach;

/** One session's actor in a {@link World}, as tests ask and answer it. */
abstract class SessionFixture extends ActorFixture {

    static final String TOKEN = "the token";
    static final String SLOT = "session-0";
    static final Duration GRACE = Duration.ofMillis(250);
    static final Duration ROUND = Duration.ofMillis(20);
    static final Duration FOR_EVER = Duration.ofDays(1);

    GuestTotals totals = new GuestTotals();
    TestProbe<Sessions.Command> sessions;

    @BeforeEach
    void probe() {
        sessions = kit.createTestProbe(Sessions.Command.class);
    }

    ActorRef<Session.Command> open(Session.Terms terms) {
        return openWithRounds(terms, FOR_EVER);
    }

    ActorRef<Session.Command> openWithRounds(Session.Terms terms, Duration every) {
        ActorRef<Session.Command> session = spawn(terms, every);
        sessions.expectMessage(new Sessions.Restored(terms.id()));
        return session;
    }

    ActorRef<Session.Command> spawn(Session.Terms terms, Duration rounds) {
        Session.Settings settings =
                new Session.Settings(World.journal(), new Access(false, OWNER), GRACE, GRACE.multipliedBy(5), rounds);
        ActorRef<Session.Command> session =
                kit.spawn(Session.create(terms, world.ports(), settings, totals, sessions.getRef()));
        spawned.add(session);
        return session;
    }

    static Session.Terms terms(String id, long limit) {
        return new Session.Terms(
                new SessionId(id),
                0,
                "",
                OWNER,
                limit + "",
                Limits.everywhere(limit),
                Set.of(TokenHash.of(TOKEN)),
                0,
                Optional.empty(),
                Instant.parse("2026-01-01T00:00:00Z"),
                OptionalLong.empty(),
                false,
                "");
    }

    /** The same in another slot of the journal: two sessions at a time need two. */
    static Session.Terms inSlot(int slot, Session.Terms terms) {
        return new Session.Terms(
                terms.id(),
                slot,
                terms.name(),
                terms.uid(),
                terms.limit(),
                terms.limits(),
                terms.tokens(),
                terms.flags(),
                terms.leader(),
                terms.created(),
                terms.deadline(),
                terms.expired(),
                terms.version());
    }

    static Session.Terms keeping(Session.Terms terms) {
        return with(terms, Abi.FLAG_KEEP, terms.leader(), false);
    }

    static Session.Terms strict(Session.Terms terms) {
        return with(terms, Abi.FLAG_STRICT, terms.leader(), false);
    }

    static Session.Terms led(Session.Terms terms, ProcessId leader) {
        return with(terms, terms.flags(), Optional.of(leader), false);
    }

    static Session.Terms expired(Session.Terms terms) {
        return with(terms, terms.flags(), terms.leader(), true);
    }

    static Session.Terms with(Session.Terms terms, int flags, Optional<ProcessId> leader, boolean expired) {
        return new Session.Terms(
                terms.id(),
                terms.slot(),
                terms.name(),
                terms.uid(),
                terms.limit(),
                terms.limits(),
                terms.tokens(),
                flags,
                leader,
                terms.created(),
                terms.deadline(),
                expired,
                terms.version());
    }

    HelloReply hello(ActorRef<Session.Command> session, ProcessId process, ImageId image, String token, int uid) {
        TestProbe<HelloReply> reply = kit.createTestProbe();
        session.tell(new Session.Hello(new Peer(process, uid), token, image, List.of(DEVICE), reply.getRef()));
        return reply.receiveMessage();
    }

    TestPage join(ActorRef<Session.Command> session, ProcessId process, ImageId image) {
        assertThat(hello(session, process, image, TOKEN, OWNER)).isInstanceOf(HelloReply.Welcomed.class);
        return world.memory.last();
    }

    /** A member that holds so much. */
    ProcessId fill(ActorRef<Session.Command> session, ImageId image, long bytes) {
        ProcessId process = world.process();
        TestPage page = join(session, process, image);
        assertThat(charge(session, process, image, bytes)).isInstanceOf(ChargeReply.Granted.class);
        page.used[0] = bytes;
        return process;
    }

    ChargeReply charge(ActorRef<Session.Command> session, ProcessId process, ImageId image, long bytes) {
        TestProbe<ChargeReply> reply = kit.createTestProbe();
        session.tell(new Session.Charge(process, image, 0, bytes, false, 1, reply.getRef()));
        return reply.receiveMessage(Duration.ofSeconds(10));
    }

    QueryReply status(ActorRef<Session.Command> session, ProcessId process) {
        TestProbe<QueryReply> reply = kit.createTestProbe();
        session.tell(new Session.Query(process, 1, reply.getRef()));
        return reply.receiveMessage();
    }

    SessionView describe(ActorRef<Session.Command> session) {
        TestProbe<SessionView> reply = kit.createTestProbe();
        session.tell(new Session.Describe(reply.getRef()));
        return reply.receiveMessage();
    }

    Sessions.RemoveReply remove(ActorRef<Session.Command> session, boolean force) {
        TestProbe<Sessions.RemoveReply> reply = kit.createTestProbe();
        session.tell(new Session.Remove(
                new Sessions.Remove(new Caller(1, OWNER, false), "a", List.of(), force, reply.getRef())));
        return reply.receiveMessage();
    }

    static List<Object> journaled() {
        return journal.persistedInStorage(SLOT);
    }

    /** As {@link World#said}. */
    List<String> said(Operation... operations) {
        return world.said(operations);
    }
}
