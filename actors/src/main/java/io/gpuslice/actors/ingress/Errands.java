// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.Text;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.japi.function.Function;

/** What a client asks for on behalf of people, before or without being a guest: OPEN, JOIN, CALL and WATCH. */
final class Errands {

    private static final Duration PATIENCE = Duration.ofMillis(1800);
    private static final int MOST_CALLS = 8;

    private final ActorContext<Connection.Command> context;
    private final EpollDomainSocketChannel channel;
    private final Caller caller;
    private final Ingress.Collaborators with;
    private int calls;
    private boolean watching;
    private Optional<Watching.Stream> stream = Optional.empty();

    /** @param context of the connection, which hears the answers */
    Errands(
            ActorContext<Connection.Command> context,
            EpollDomainSocketChannel channel,
            Caller caller,
            Ingress.Collaborators with) {
        this.context = context;
        this.channel = channel;
        this.caller = caller;
        this.with = with;
    }

    void open(Frame.Open open, int seq) {
        boolean operator = with.settings().token().matches(open.token());
        if (with.settings().token().isSet() && !operator) {
            notLetIn(
                    seq,
                    ErrorCode.UNAUTHENTICATED,
                    "the daemon wants the operator's token to open a session: set GPUSLICE_IPC_TOKEN to the one it was"
                            + " started with");
            return;
        }
        try {
            Optional<Peer> leader = (open.flags() & Abi.FLAG_NO_LEADER) != 0
                    ? Optional.empty()
                    : Optional.of(with.peer(channel, caller));
            askForSession(
                    seq,
                    false,
                    replyTo -> new Sessions.Open(
                            caller(operator),
                            open.limit(),
                            open.name(),
                            Duration.ofSeconds(open.ttlSeconds()),
                            open.flags(),
                            leader,
                            replyTo));
        } catch (IOException e) {
            notLetIn(seq, ErrorCode.FORBIDDEN, String.valueOf(e.getMessage()));
        }
    }

    private void notLetIn(int seq, ErrorCode code, String text) {
        with.chronicle().notLetIn(caller.pid(), caller.uid(), code, text);
        Frames.refuse(channel, seq, code, text);
    }

    void join(Frame.Join join, int seq) {
        Caller asking = caller(with.settings().token().matches(join.token()));
        askForSession(seq, true, replyTo -> new Sessions.Join(asking, join.session(), replyTo));
    }

    private void askForSession(
            int seq, boolean joining, Function<ActorRef<Sessions.OpenReply>, Sessions.Command> question) {
        context.ask(
                Sessions.OpenReply.class,
                with.sessions(),
                PATIENCE,
                question,
                (reply, failure) -> new Connection.Answered(
                        seq,
                        failure == null
                                ? opened(joining, reply)
                                : Frame.ErrorFrame.of(ErrorCode.INTERNAL, Connection.noAnswer(PATIENCE))));
    }

    private static Frame opened(boolean joined, Sessions.OpenReply reply) {
        return switch (reply) {
            case Sessions.OpenReply.Opened(var id, var token, var text) -> {
                String warning = Text.fit(text, Abi.TEXT_SIZE);
                yield joined
                        ? new Frame.Joined(id.text(), token, warning)
                        : new Frame.Opened(id.text(), token, warning);
            }
            case Sessions.OpenReply.Refused(var code, var text) -> Frame.ErrorFrame.of(code, text);
        };
    }

    void call(Frame.Call call, int seq) {
        if (calls >= MOST_CALLS) {
            Frames.refuse(
                    channel,
                    seq,
                    ErrorCode.OVERLOADED,
                    MOST_CALLS + " calls of this connection wait already: read their replies first");
            return;
        }
        calls++;
        context.pipeToSelf(with.calls().answer(caller, call.json()), (json, failure) -> {
            if (failure == null) {
                return new Connection.Called(seq, json);
            }
            context.getLog().error("A call failed.", failure);
            return new Connection.Called(seq, "");
        });
    }

    /** @param json empty where the call failed */
    void called(int seq, String json) {
        calls--;
        try {
            if (json.isEmpty()) {
                Frames.refuse(channel, seq, ErrorCode.INTERNAL, "the call failed; the daemon's log says why");
            } else {
                Frames.send(channel, new Frame.Reply(json), seq);
            }
        } catch (IllegalArgumentException tooLong) {
            Frames.refuse(
                    channel,
                    seq,
                    ErrorCode.INTERNAL,
                    "the answer does not fit a frame: ask for less. " + tooLong.getMessage());
        }
    }

    void watch(Frame.Watch watch, int seq) {
        if (watching) {
            Frames.refuse(channel, seq, ErrorCode.BAD_REQUEST, "a connection watches once; connect anew");
            return;
        }
        watching = true;
        context.pipeToSelf(with.calls().watch(caller, watch.json()), (answer, failure) -> {
            if (failure == null) {
                return new Connection.Watches(seq, answer);
            }
            context.getLog().error("A watch failed.", failure);
            return new Connection.Answered(
                    seq, Frame.ErrorFrame.of(ErrorCode.INTERNAL, "the watch failed; the daemon's log says why"));
        });
    }

    void watches(int seq, Watching answer) {
        Frames.send(channel, new Frame.Reply(answer.reply()), seq);
        // One that was refused may ask again, for something else.
        watching = answer.stream().isPresent();
        stream = answer.stream();
        ActorRef<Connection.Command> self = context.getSelf();
        stream.ifPresent(begun -> begun.begin(new Watching.Watcher() {
            @Override
            public void send(List<String> events, Runnable sent) {
                self.tell(new Connection.Happened(seq, events, sent));
            }

            @Override
            public void drop(ErrorCode code, String why) {
                self.tell(new Connection.Dropped(seq, code, why));
            }
        }));
    }

    /** The connection is gone. */
    void end() {
        stream.ifPresent(Watching.Stream::end);
    }

    private Caller caller(boolean operator) {
        return operator ? caller.asOperator() : caller;
    }
}
