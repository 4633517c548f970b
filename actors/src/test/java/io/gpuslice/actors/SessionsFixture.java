// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.MIB;
import static io.gpuslice.actors.World.OWNER;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Sessions.FindReply;
import io.gpuslice.actors.Sessions.InspectReply;
import io.gpuslice.actors.Sessions.ListReply;
import io.gpuslice.actors.Sessions.OpenReply;
import io.gpuslice.actors.Sessions.UpdateReply;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.BeforeEach;

/** The list of sessions in a {@link World}, with sessions that keep books, as tests ask and answer it. */
abstract class SessionsFixture extends ActorFixture {

    static final String LIST = "sessions";
    static final Caller US = new Caller(1, OWNER, false);
    static final Caller STRANGER = new Caller(2, OWNER + 1, false);

    TestProbe<Sessions.Start> start;

    @BeforeEach
    void probe() {
        start = kit.createTestProbe(Sessions.Start.class);
    }

    ActorRef<Sessions.Command> begin() {
        ActorRef<Sessions.Command> sessions = spawn("state", false);
        start.expectMessage(new Sessions.Start.Ready(0));
        return sessions;
    }

    ActorRef<Sessions.Command> spawn(String state, boolean begun) {
        return spawn(state, begun, new Access(false, OWNER), Caps.NONE);
    }

    ActorRef<Sessions.Command> spawn(String state, boolean begun, Access access, Caps caps) {
        Session.Settings each = new Session.Settings(
                World.journal(), access, Duration.ofMillis(20), Duration.ofMillis(100), Duration.ofDays(1));
        Sessions.Settings settings = new Sessions.Settings(World.journal(), state, begun, 8, caps, each);
        ActorRef<Devices.Command> devices = kit.spawn(
                Devices.create(List.of(new LimitSpec.Device(0, World.DEVICE.toString(), OptionalLong.of(1024 * MIB)))));
        ActorRef<Sessions.Command> sessions =
                kit.spawn(Sessions.create(world.ports(), settings, devices, start.getRef()));
        spawned.add(sessions);
        spawned.add(devices);
        return sessions;
    }

    OpenReply tryOpen(ActorRef<Sessions.Command> sessions, Caller caller, String limit, Duration ttl, int flags) {
        return tryOpen(sessions, caller, limit, "", ttl, flags, Optional.empty());
    }

    OpenReply tryOpen(
            ActorRef<Sessions.Command> sessions,
            Caller caller,
            String limit,
            String name,
            Duration ttl,
            int flags,
            Optional<Peer> leader) {
        TestProbe<OpenReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.Open(caller, limit, name, ttl, flags, leader, reply.getRef()));
        return reply.receiveMessage();
    }

    static OpenReply.Opened opened(OpenReply reply) {
        assertThat(reply).isInstanceOf(OpenReply.Opened.class);
        return (OpenReply.Opened) reply;
    }

    OpenReply.Opened open(ActorRef<Sessions.Command> sessions, String limit) {
        return opened(tryOpen(sessions, US, limit, Duration.ZERO, 0));
    }

    FindReply find(ActorRef<Sessions.Command> sessions, SessionId id) {
        TestProbe<FindReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.Find(id, reply.getRef()));
        return reply.receiveMessage();
    }

    Session.HelloReply hello(ActorRef<Sessions.Command> sessions, SessionId id, String token) {
        FindReply found = find(sessions, id);
        assertThat(found).isInstanceOf(FindReply.Found.class);
        ProcessId process = world.process();
        TestProbe<Session.HelloReply> reply = kit.createTestProbe();
        ((FindReply.Found) found)
                .session()
                .tell(new Session.Hello(
                        new Peer(process, OWNER), token, World.image(1), List.of(World.DEVICE), reply.getRef()));
        return reply.receiveMessage();
    }

    List<SessionView> list(ActorRef<Sessions.Command> sessions, Caller caller) {
        TestProbe<ListReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.ListAll(caller, reply.getRef()));
        ListReply.Listed listed = reply.expectMessageClass(ListReply.Listed.class);
        assertThat(listed.silent()).isEmpty();
        return listed.sessions();
    }

    InspectReply inspect(ActorRef<Sessions.Command> sessions, Caller caller, String selector) {
        TestProbe<InspectReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.Inspect(caller, selector, reply.getRef()));
        return reply.receiveMessage();
    }

    SessionView inspected(ActorRef<Sessions.Command> sessions, SessionId id) {
        InspectReply reply = inspect(sessions, US, id.text());
        assertThat(reply).isInstanceOf(InspectReply.Seen.class);
        return ((InspectReply.Seen) reply).session();
    }

    OpenReply.Opened openNamed(ActorRef<Sessions.Command> sessions, String name) {
        return opened(tryOpen(sessions, US, "64MB", name, Duration.ZERO, 0, Optional.empty()));
    }

    UpdateReply update(
            ActorRef<Sessions.Command> sessions, SessionId id, Optional<String> limit, Optional<Duration> ttl) {
        TestProbe<UpdateReply> reply = kit.createTestProbe();
        sessions.tell(new Sessions.Update(US, id.text(), List.of(), limit, ttl, reply.getRef()));
        return reply.receiveMessage();
    }

    /** As {@link World#said}. */
    List<String> said(Operation... operations) {
        return world.said(operations);
    }
}
