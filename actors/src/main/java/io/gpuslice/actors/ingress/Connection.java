// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Session;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * One client. Its frames become messages to those who decide, and their replies become frames; nothing is decided
 * here but who is speaking, which the kernel says.
 */
final class Connection {

    /** HELLO asks twice, and the guest waits 2 s. */
    private static final Duration FIND_PATIENCE = Duration.ofMillis(500);

    private static final Duration HELLO_PATIENCE = Duration.ofMillis(1300);
    private static final Duration TICK = Duration.ofMillis(100);
    /** For a watcher to read why it is dropped. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(2);

    sealed interface Command {}

    /** One frame of the client. */
    record Received(Frame frame, int seq) implements Command {}

    /** The client is gone. */
    record Closed() implements Command {}

    /** What {@link Errands} sends the client. */
    record Answered(int seq, Frame frame) implements Command {}

    /** The answer to a CALL; empty where it failed. */
    record Called(int seq, String json) implements Command {}

    /** The answer to a WATCH. */
    record Watches(int seq, Watching watching) implements Command {}

    /** @param sent called when they are out */
    record Happened(int seq, List<String> events, Runnable sent) implements Command {}

    /** Whoever watches is not to go on. */
    record Dropped(int seq, ErrorCode code, String why) implements Command {}

    private record GiveUp() implements Command {}

    private record Found(Greeting greeting, ActorRef<Session.Command> session) implements Command {}

    private record Welcomed(Greeting greeting, Session.HelloReply.Welcomed reply) implements Command {}

    /** @param session that may yet count the process as a member, if it was asked */
    private record Unwelcome(
            Greeting greeting, ErrorCode code, String text, Optional<ActorRef<Session.Command>> session)
            implements Command {}

    private record Charged(Session.ChargeReply reply) implements Command {}

    private record Queried(Session.QueryReply reply) implements Command {}

    private record ShareHeard() implements Command {}

    private record SessionEnded() implements Command {}

    private record Tick() implements Command {}

    private final ActorContext<Command> context;
    private final TimerScheduler<Command> timers;
    private final EpollDomainSocketChannel channel;
    private final Caller caller;
    private final Ingress.Collaborators with;
    private final Errands errands;

    private @Nullable Membership membership;
    private boolean greeting;
    private boolean closed;

    private Connection(
            ActorContext<Command> context,
            TimerScheduler<Command> timers,
            EpollDomainSocketChannel channel,
            Caller caller,
            Ingress.Collaborators with) {
        this.context = context;
        this.timers = timers;
        this.channel = channel;
        this.caller = caller;
        this.with = with;
        this.errands = new Errands(context, channel, caller, with);
    }

    /**
     * @param channel accepted and not yet read from
     * @param caller its peer, already let in
     */
    static Behavior<Command> create(EpollDomainSocketChannel channel, Caller caller, Ingress.Collaborators with) {
        return Behaviors.setup(context ->
                Behaviors.withTimers(timers -> new Connection(context, timers, channel, caller, with).start()));
    }

    private Behavior<Command> start() {
        channel.pipeline()
                .addLast(new FrameReader(
                        context.getSelf(),
                        "pid " + caller.pid(),
                        with.settings().handshakeTimeout(),
                        with.unfinished(),
                        why -> with.chronicle()
                                .notLetIn(caller.pid(), caller.uid(), ErrorCode.UNSUPPORTED_VERSION, why)));
        channel.config().setAutoRead(true);
        // Closed before the reader was there to say so.
        if (!channel.isActive()) {
            return Behaviors.stopped();
        }
        return Behaviors.receive(Command.class)
                .onAnyMessage(this::on)
                .onSignal(PostStop.class, _ -> end())
                .build();
    }

    private Behavior<Command> on(Command command) {
        switch (command) {
            case Received(var frame, var seq) -> received(frame, seq);
            case Charged(var reply) -> member().charged(reply);
            case Queried(var reply) -> member().queried(reply);
            case Answered(var seq, var frame) -> Frames.send(channel, frame, seq);
            case Found(var asked, var session) -> introduce(asked, session);
            case Welcomed(var asked, var reply) -> {
                return welcomed(asked, reply);
            }
            case Unwelcome(var asked, var code, var text, var session) -> {
                return unwelcome(asked, code, text, session);
            }
            case ShareHeard() -> member().shareHeard();
            case SessionEnded() -> member().sessionEnded();
            case Called(var seq, var json) -> errands.called(seq, json);
            case Watches(var seq, var watching) -> errands.watches(seq, watching);
            case Happened(var seq, var events, var sent) -> Frames.sendAll(channel, events, seq, sent);
            case Dropped(var seq, var code, var why) -> drop(seq, code, why);
            case GiveUp() -> Frames.close(channel);
            case Tick() -> tick();
            case Closed() -> {
                return closed();
            }
        }
        return Behaviors.same();
    }

    private void received(Frame frame, int seq) {
        switch (frame) {
            case Frame.Charge charge
            when membership != null -> {
                membership.charge(charge, seq);
                startTicking();
            }
            case Frame.Query query
            when membership != null -> {
                membership.query(query, seq);
                startTicking();
            }
            case Frame.Freed freed when membership != null -> membership.freed(freed, seq);
            case Frame.Share share when membership != null -> membership.share(share, seq);
            case Frame.Charge _, Frame.Query _, Frame.Freed _, Frame.Share _ ->
                Frames.refuse(
                        channel, seq, ErrorCode.BAD_REQUEST, frame.type() + " before HELLO was answered by WELCOME");
            case Frame.Open open -> errands.open(open, seq);
            case Frame.Join join -> errands.join(join, seq);
            case Frame.Hello hello -> hello(hello, seq);
            case Frame.Call call -> errands.call(call, seq);
            case Frame.Watch watch -> errands.watch(watch, seq);
            case Frame.Opened _,
                    Frame.Joined _,
                    Frame.Welcome _,
                    Frame.Granted _,
                    Frame.Denied _,
                    Frame.Status _,
                    Frame.Heard _,
                    Frame.Reply _,
                    Frame.Event _,
                    Frame.ErrorFrame _ ->
                Frames.refuse(channel, seq, ErrorCode.BAD_REQUEST, frame.type() + " is sent by the daemon, not to it");
        }
    }

    private void hello(Frame.Hello hello, int seq) {
        if (greeting || membership != null) {
            Frames.refuse(channel, seq, ErrorCode.BAD_REQUEST, "a connection says HELLO once; connect anew");
            return;
        }
        if (hello.sessionId().isEmpty()) {
            String text = "HELLO names no session; is GPUSLICE_SESSION set?";
            with.chronicle().notLetIn(caller.pid(), caller.uid(), ErrorCode.SESSION_UNKNOWN, text);
            Frames.refuse(channel, seq, ErrorCode.SESSION_UNKNOWN, text);
            return;
        }
        try {
            SessionId id = new SessionId(hello.sessionId());
            Greeting asked = new Greeting(
                    seq,
                    id,
                    with.peer(channel, caller),
                    new ImageId(hello.imageId()),
                    hello.token(),
                    hello.devices().stream().map(DeviceId::new).toList());
            greeting = true;
            context.ask(
                    Sessions.FindReply.class,
                    with.sessions(),
                    FIND_PATIENCE,
                    replyTo -> new Sessions.Find(id, replyTo),
                    (reply, failure) -> failure == null
                            ? found(asked, reply)
                            : new Unwelcome(asked, ErrorCode.INTERNAL, noAnswer(FIND_PATIENCE), Optional.empty()));
        } catch (IOException e) {
            String text = String.valueOf(e.getMessage());
            with.chronicle().notLetIn(caller.pid(), caller.uid(), ErrorCode.FORBIDDEN, text);
            Frames.refuse(channel, seq, ErrorCode.FORBIDDEN, text);
        }
    }

    private static Command found(Greeting asked, Sessions.FindReply reply) {
        return switch (reply) {
            case Sessions.FindReply.Found(var session) -> new Found(asked, session);
            case Sessions.FindReply.Refused(var code, var text) -> new Unwelcome(asked, code, text, Optional.empty());
        };
    }

    private void introduce(Greeting asked, ActorRef<Session.Command> session) {
        context.ask(
                Session.HelloReply.class,
                session,
                HELLO_PATIENCE,
                replyTo -> new Session.Hello(asked.peer(), asked.token(), asked.image(), asked.devices(), replyTo),
                (reply, failure) -> failure == null
                        ? introduced(asked, reply)
                        : new Unwelcome(asked, ErrorCode.INTERNAL, noAnswer(HELLO_PATIENCE), Optional.of(session)));
    }

    private static Command introduced(Greeting asked, Session.HelloReply reply) {
        return switch (reply) {
            case Session.HelloReply.Welcomed welcomed -> new Welcomed(asked, welcomed);
            case Session.HelloReply.Refused(var code, var text) -> new Unwelcome(asked, code, text, Optional.empty());
        };
    }

    private Behavior<Command> welcomed(Greeting asked, Session.HelloReply.Welcomed reply) {
        greeting = false;
        Membership joined = new Membership(
                channel,
                reply.session(),
                asked,
                (reply.flags() & Abi.FLAG_STRICT) != 0,
                with.chronicle(),
                context.messageAdapter(Session.ChargeReply.class, Charged::new),
                context.messageAdapter(Session.QueryReply.class, Queried::new),
                context.messageAdapter(Session.ShareHeard.class, _ -> new ShareHeard()));
        membership = joined;
        if (closed) {
            return Behaviors.stopped();
        }
        context.watchWith(reply.session(), new SessionEnded());
        try {
            sendPage(asked.seq(), reply);
        } catch (IOException | IllegalStateException e) {
            // Without its page the guest cannot use what it is granted: better to begin again.
            Frames.sendLast(
                    channel,
                    Frame.ErrorFrame.of(ErrorCode.INTERNAL, "the ledger page cannot be sent: " + e.getMessage()),
                    asked.seq());
        }
        return Behaviors.same();
    }

    private void sendPage(int seq, Session.HelloReply.Welcomed reply) throws IOException {
        MemberPage page = reply.page();
        FileDescriptor descriptor = new FileDescriptor(page.duplicate());
        Frames.send(channel, new Frame.Welcome(reply.flags(), page.size(), reply.limits()), seq);
        Frames.send(channel, descriptor);
    }

    private Behavior<Command> unwelcome(
            Greeting asked, ErrorCode code, String text, Optional<ActorRef<Session.Command>> session) {
        greeting = false;
        session.ifPresent(
                maybe -> maybe.tell(new Session.Disconnected(asked.peer().process(), asked.image())));
        with.chronicle().notJoined(asked.session(), caller.pid(), caller.uid(), code, text);
        Frames.refuse(channel, asked.seq(), code, text);
        return closed ? Behaviors.stopped() : Behaviors.same();
    }

    private Membership member() {
        return Objects.requireNonNull(membership, "only a member's session speaks to it");
    }

    private void startTicking() {
        if (!timers.isTimerActive(Tick.class)) {
            timers.startSingleTimer(Tick.class, new Tick(), TICK);
        }
    }

    private void tick() {
        Membership member = member();
        member.expire();
        if (member.isWaiting()) {
            startTicking();
        }
    }

    /** It may not read even that. */
    private void drop(int seq, ErrorCode code, String why) {
        Frames.sendLast(channel, Frame.ErrorFrame.of(code, why), seq);
        timers.startSingleTimer(new GiveUp(), LAST_WORDS);
    }

    private Behavior<Command> closed() {
        closed = true;
        // A session that is just welcoming it must hear of this end, but not before.
        return greeting ? Behaviors.same() : Behaviors.stopped();
    }

    private Behavior<Command> end() {
        errands.end();
        if (membership != null) {
            membership.disconnected();
        }
        Frames.close(channel);
        return Behaviors.same();
    }

    /** What to say where patience has ended. */
    static String noAnswer(Duration patience) {
        return "nobody answered within " + patience.toMillis()
                + " ms: the daemon is busy or its disk is slow; try again";
    }
}
