// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.Session;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.netty.channel.Channel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;

/**
 * What a connection is after its HELLO: the requests of one process image to its session. Every request is answered
 * once, by the session or, when that says nothing in time, by a refusal; whatever the session says later is dropped,
 * and if it was a grant, the guest finds it in its page as credit.
 */
final class Membership {

    /** Less than the guest's 2 s, so that it hears a reason instead of nothing. */
    static final Duration PATIENCE = Duration.ofMillis(1500);

    /** More wait in the socket: a guest may have thousands to say at once, and a hostile one goes on for ever. */
    private static final int MOST_SHARES = 1024;

    /** A guest has one request in flight; only a client that is not ours comes near it. */
    private static final int MOST_IN_FLIGHT = 64;

    private final Channel channel;
    private final ActorRef<Session.Command> session;
    private final Greeting who;
    private final boolean strict;
    private final DoorChronicle chronicle;
    private final ActorRef<Session.ChargeReply> charges;
    private final ActorRef<Session.QueryReply> queries;
    private final ActorRef<Session.ShareHeard> shareHeard;
    private final Map<Integer, Waiting> waiting = new LinkedHashMap<>();
    private final List<Frame.Share> shares = new ArrayList<>();
    /** The numbers of those of them that are to be answered. */
    private final List<Integer> asking = new ArrayList<>();
    /** The numbers of those that the session is just hearing. */
    private List<Integer> asked = List.of();
    /** Whether the session has not yet heard the last ones. */
    private boolean sharing;

    private boolean ended;

    /** @param since System.nanoTime */
    private record Waiting(Frame request, long since) {}

    /** @param strict whether its WELCOME said so: then it reports what it frees */
    Membership(
            Channel channel,
            ActorRef<Session.Command> session,
            Greeting who,
            boolean strict,
            DoorChronicle chronicle,
            ActorRef<Session.ChargeReply> charges,
            ActorRef<Session.QueryReply> queries,
            ActorRef<Session.ShareHeard> shareHeard) {
        this.channel = channel;
        this.session = session;
        this.who = who;
        this.strict = strict;
        this.chronicle = chronicle;
        this.charges = charges;
        this.queries = queries;
        this.shareHeard = shareHeard;
    }

    void charge(Frame.Charge charge, int seq) {
        if (!knows(charge.device())) {
            refuse(charge, seq, ErrorCode.BAD_REQUEST, noSuch(charge.device()));
        } else if (admit(charge, seq)) {
            session.tell(new Session.Charge(
                    who.peer().process(), who.image(), charge.device(), charge.bytes(), charge.held(), seq, charges));
        }
    }

    void query(Frame.Query query, int seq) {
        if (admit(query, seq)) {
            session.tell(new Session.Query(who.peer().process(), seq, queries));
        }
    }

    void freed(Frame.Freed freed, int seq) {
        if (!strict) {
            // Nobody wants to know, and a flood of them would fill the audit.
            refuse(
                    freed,
                    seq,
                    ErrorCode.BAD_REQUEST,
                    "FREED is for strict sessions, and this one is not: WELCOME had no STRICT flag");
        } else if (!knows(freed.device())) {
            refuse(freed, seq, ErrorCode.BAD_REQUEST, noSuch(freed.device()));
        } else {
            chronicle.freed(who, who.devices().get(freed.device()), freed.bytes());
        }
    }

    /** The session hears what came meanwhile together, when it has heard the last. */
    void share(Frame.Share share, int seq) {
        if (!knows(share.device())) {
            refuse(share, seq, ErrorCode.BAD_REQUEST, noSuch(share.device()));
            return;
        }
        shares.add(share);
        if (seq != 0) {
            asking.add(seq);
        }
        if (!sharing) {
            tellShares();
        } else if (shares.size() >= MOST_SHARES) {
            channel.config().setAutoRead(false);
        }
    }

    void shareHeard() {
        sharing = false;
        asked.forEach(seq -> Frames.send(channel, new Frame.Heard(), seq));
        if (!shares.isEmpty()) {
            tellShares();
        }
        FrameReader.readOn(channel);
    }

    private void tellShares() {
        sharing = true;
        session.tell(new Session.Share(who.peer().process(), who.image(), shares, shareHeard));
        shares.clear();
        asked = List.copyOf(asking);
        asking.clear();
    }

    private boolean admit(Frame request, int seq) {
        if (ended) {
            refuse(request, seq, ErrorCode.SESSION_CLOSED, "the session has ended");
        } else if (waiting.size() >= MOST_IN_FLIGHT) {
            refuse(
                    request,
                    seq,
                    ErrorCode.OVERLOADED,
                    MOST_IN_FLIGHT + " requests of this connection wait already: read their replies first");
        } else if (waiting.putIfAbsent(seq, new Waiting(request, System.nanoTime())) != null) {
            Frames.send(
                    channel,
                    Frame.ErrorFrame.of(
                            ErrorCode.BAD_REQUEST,
                            "request " + Integer.toUnsignedString(seq)
                                    + " is still waiting: every request needs a number of its own"),
                    seq);
        } else {
            return true;
        }
        return false;
    }

    /** Whether a request waits for the session. */
    boolean isWaiting() {
        return !waiting.isEmpty();
    }

    void charged(Session.ChargeReply reply) {
        switch (reply) {
            case Session.ChargeReply.Granted(var seq, var device, var charge) ->
                answer(seq, new Frame.Granted(charge, device));
            case Session.ChargeReply.Denied denied ->
                answer(
                        denied.seq(),
                        new Frame.Denied(
                                denied.code(), denied.device(), denied.asked(), denied.used(), denied.limit()));
            case Session.ChargeReply.Failed(var seq, var code, var text) ->
                answer(seq, Frame.ErrorFrame.of(code, text));
        }
    }

    void queried(Session.QueryReply reply) {
        switch (reply) {
            case Session.QueryReply.Status status ->
                answer(
                        status.seq(),
                        new Frame.Status(
                                Frame.Status.State.valueOf(status.state().name()),
                                status.flags(),
                                status.ttlLeftMillis(),
                                status.devices().stream().map(Membership::use).toList()));
            case Session.QueryReply.Failed(var seq, var code, var text) -> answer(seq, Frame.ErrorFrame.of(code, text));
        }
    }

    private static Frame.Status.Device use(DeviceUse use) {
        return new Frame.Status.Device(use.limit(), use.used(), use.charge());
    }

    private void answer(int seq, Frame reply) {
        // Null: it came too late and was answered already.
        @Nullable Waiting request = waiting.remove(seq);
        if (request != null) {
            ended(request);
            Frames.send(channel, reply, seq);
        }
    }

    private void ended(Waiting waited) {
        if (waited.request() instanceof Frame.Charge) {
            chronicle.answered(System.nanoTime() - waited.since());
        }
    }

    /** Refuses what has waited too long. */
    void expire() {
        long now = System.nanoTime();
        refuseAll(
                PATIENCE.toNanos(),
                now,
                ErrorCode.INTERNAL,
                "the session did not answer within " + PATIENCE.toMillis() + " ms");
    }

    /** The session's actor is gone, and its answers with it. Should it come back, the guest finds it by a new HELLO. */
    void sessionEnded() {
        ended = true;
        refuseAll(0, System.nanoTime(), ErrorCode.SESSION_CLOSED, "the session has ended");
        Frames.closeWhenSent(channel);
    }

    private void refuseAll(long olderThanNanos, long now, ErrorCode code, String text) {
        for (Iterator<Map.Entry<Integer, Waiting>> each = waiting.entrySet().iterator(); each.hasNext(); ) {
            Map.Entry<Integer, Waiting> entry = each.next();
            if (now - entry.getValue().since() >= olderThanNanos) {
                each.remove();
                ended(entry.getValue());
                refuse(entry.getValue().request(), entry.getKey(), code, text);
            }
        }
    }

    /** The connection is gone. */
    void disconnected() {
        if (!ended) {
            if (!shares.isEmpty()) {
                tellShares();
            }
            session.tell(new Session.Disconnected(who.peer().process(), who.image()));
        }
    }

    private void refuse(Frame request, int seq, ErrorCode code, String text) {
        if (request instanceof Frame.Charge charge) {
            Optional<DeviceId> device =
                    knows(charge.device()) ? Optional.of(who.devices().get(charge.device())) : Optional.empty();
            chronicle.denied(who, device, charge.bytes(), code, text);
        }
        Frame reply = switch (request) {
            case Frame.Charge charge
            when knows(charge.device()) -> new Frame.Denied(code, charge.device(), charge.bytes(), 0, 0);
            default -> Frame.ErrorFrame.of(code, text);
        };
        Frames.send(channel, reply, seq);
    }

    private boolean knows(int device) {
        return device >= 0 && device < who.devices().size();
    }

    private String noSuch(int device) {
        return "device " + device + " is none of the " + who.devices().size() + " that HELLO named";
    }
}
