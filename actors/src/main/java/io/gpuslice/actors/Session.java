// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.Remains;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.domain.ShareKey;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;

/**
 * One session, as others see it: what it can be asked, and what it answers. How it does that is in {@link SessionActor}.
 */
public final class Session {

    /** What can be asked of a session. */
    public sealed interface Command {}

    /** A process wants to be a member. Position i of {@code devices} is device i of its later requests. */
    public record Hello(Peer peer, String token, ImageId image, List<DeviceId> devices, ActorRef<HelloReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new HelloReply.Refused(code, text));
        }
    }

    /** The answer to {@link Hello}. */
    public sealed interface HelloReply {
        /**
         * It is a member.
         *
         * @param flags GPUSLICE_FLAG_* of the wire
         * @param limits bytes the session may hold, per device of the HELLO
         * @param page to be sent: the receiver duplicates its descriptor before it returns, and keeps nothing
         */
        record Welcomed(int flags, List<Long> limits, MemberPage page, ActorRef<Command> session)
                implements HelloReply {}

        record Refused(ErrorCode code, String text) implements HelloReply {}
    }

    /**
     * A member needs its charge raised so that so many bytes fit.
     *
     * @param device index into its HELLO's devices
     * @param held whether it has them already: then its charge is raised whatever the limit
     */
    public record Charge(
            ProcessId process,
            ImageId image,
            int device,
            long bytes,
            boolean held,
            int seq,
            ActorRef<ChargeReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new ChargeReply.Failed(seq, code, text));
        }
    }

    /** The answer to {@link Charge}. */
    public sealed interface ChargeReply {
        /**
         * The bytes fit now.
         *
         * @param charge bytes, as now in the page
         */
        record Granted(int seq, int device, long charge) implements ChargeReply {}

        /** The numbers are the session's, on that device, at the decision. */
        record Denied(int seq, int device, ErrorCode code, long asked, long used, long limit) implements ChargeReply {}

        /** Nothing was decided, and nothing has changed. */
        record Failed(int seq, ErrorCode code, String text) implements ChargeReply {}
    }

    /** A member asks for the session's numbers on its devices. */
    public record Query(ProcessId process, int seq, ActorRef<QueryReply> replyTo) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new QueryReply.Failed(seq, code, text));
        }
    }

    /** The answer to {@link Query}. */
    public sealed interface QueryReply {
        /**
         * The session's numbers.
         *
         * @param flags GPUSLICE_FLAG_* of the wire
         * @param ttlLeftMillis −1: no TTL
         * @param devices in the order of the member's HELLO
         */
        record Status(int seq, SessionState state, int flags, long ttlLeftMillis, List<DeviceUse> devices)
                implements QueryReply {}

        record Failed(int seq, ErrorCode code, String text) implements QueryReply {}
    }

    /** A member says what it has to do with memory that processes share. */
    public record Share(ProcessId process, ImageId image, List<Frame.Share> frames, ActorRef<ShareHeard> replyTo)
            implements Command {
        public Share {
            frames = List.copyOf(frames);
        }
    }

    /** The answer to {@link Share}: it is in the journal, what it ended is handed over, and more can be said. */
    public record ShareHeard() {}

    /** The socket of a member has ended: it has called exec, closed its descriptors, or is about to die. */
    public record Disconnected(ProcessId process, ImageId image) implements Command {}

    /** What the list of sessions says about this one has changed. */
    record Follow(Terms terms) implements Command {}

    /** Asks for all that people may want to know. */
    record Describe(ActorRef<SessionView> replyTo) implements Command {}

    /** Asks for the members' live allocations. */
    record ListAllocations(Sessions.Allocations request) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            request.refuse(code, text);
        }
    }

    /** Asks the session to end. */
    record Remove(Sessions.Remove request) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            request.refuse(code, text);
        }
    }

    /** The end of this session is recorded: its actor can go. */
    record Stop() implements Command {}

    /** @param keepers non-members that may keep what the dead ones held */
    record Attached(Map<ProcessId, MemberPage> pages, List<Member> dead, List<Member> execed, List<ProcessId> keepers)
            implements Command {}

    /** @param keepers non-members that may keep what a former program of the process held */
    record Prepared(Hello hello, MemberPage page, String command, List<ProcessId> keepers) implements Command {}

    record Unprepared(Hello hello, String reason) implements Command {}

    /** @param heard on {@link Clock#nanos()}, when the news came */
    record Died(ProcessId process, long heard) implements Command {}

    /** @param keepers non-members that may keep what the dead process held */
    record Sought(Died died, List<ProcessId> keepers) implements Command {}

    record Unsought(Died died, Throwable cause) implements Command {}

    /** One look for several dead ones is over: a {@link Sought} or {@link Unsought} for each. */
    record LookedForKeepers(List<Command> results) implements Command {}

    /** A member, which uses that memory, is to count for it. The answer is {@link Shares.Taken}. */
    record TakeOver(Shares.Party who, ShareKey key, Shares.Block block, ActorRef<Shares.Command> replyTo)
            implements Command {}

    /** The memory of these names, which the process let go of, counts for others now, if anybody uses it. */
    record HandedOver(ProcessId process, Set<ShareKey> keys) implements Command {
        HandedOver {
            keys = Set.copyOf(keys);
        }
    }

    record Surveyed(Census.Found found) implements Command {}

    /** @param keepers non-members that may keep what that program of the process held */
    record Execed(ProcessId process, ImageId image, List<ProcessId> keepers) implements Command {}

    /** Who keeps what is left of a process that is dead, or another program by now. */
    record LookedAgain(Remains left, List<ProcessId> keepers) implements Command {}

    record MakeRound() implements Command {}

    /** The members were looked at; who has become another program was said before. */
    record Looked(Optional<Charge> waiting) implements Command {}

    record Scanned(Vigil.Scan scan, List<ProcessId> found) implements Command {}

    record Unscanned(Vigil.Scan scan, Throwable cause) implements Command {}

    record TimeIsUp(Vigil.Timer timer) implements Command {}

    record Failure(String what, Throwable cause) implements Command {}

    /**
     * What the list of sessions says about one: everything but its books.
     *
     * @param limit as typed
     * @param tokens hashes of those that open it
     * @param flags GPUSLICE_FLAG_* of the wire
     * @param deadline on {@link Clock#nanos()}; none: it does not expire
     * @param version as {@link Register.Entry#version} tells it
     */
    record Terms(
            SessionId id,
            int slot,
            String name,
            int uid,
            String limit,
            Limits limits,
            Set<TokenHash> tokens,
            int flags,
            Optional<ProcessId> leader,
            Instant created,
            OptionalLong deadline,
            boolean expired,
            String version) {

        boolean has(int flag) {
            return (flags & flag) != 0;
        }

        Optional<Duration> ttlLeft(Clock clock) {
            return deadline.isEmpty()
                    ? Optional.empty()
                    : Optional.of(Duration.ofNanos(Math.max(0, deadline.getAsLong() - clock.nanos())));
        }
    }

    /**
     * How sessions are kept and end.
     *
     * @param endGrace from a session's last process to its end
     * @param killGrace from SIGTERM to SIGKILL
     * @param roundEvery between two looks at members for what nobody tells
     */
    record Settings(Journal journal, Access access, Duration endGrace, Duration killGrace, Duration roundEvery) {}

    private Session() {}

    /**
     * A session on these terms, which says {@link Sessions.Restored} once it takes requests.
     *
     * @param totals gets what its members do, as it is read
     */
    static Behavior<Command> create(
            Terms terms, Ports ports, Settings settings, GuestTotals totals, ActorRef<Sessions.Command> sessions) {
        return SessionActor.create(terms, ports, settings, totals, sessions);
    }
}
