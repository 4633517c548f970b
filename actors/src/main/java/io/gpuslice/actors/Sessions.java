// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;

/**
 * The list of sessions, as others see it: who opened which, with what limit, until when. How it is kept is in
 * {@link SessionsActor}; what a session's processes hold is the session's own affair.
 */
public final class Sessions {

    /** What can be asked of the list. A selector is an id, a name, or a unique prefix of an id. */
    public sealed interface Command {}

    /**
     * Opens a session.
     *
     * @param limit as typed: "8GB", "50%", "0=8GB,1=4GB"
     * @param name empty: none
     * @param ttl zero: none
     * @param flags GPUSLICE_FLAG_* of the wire
     * @param leader the process that becomes the program; none for {@code create}
     */
    public record Open(
            Caller caller,
            String limit,
            String name,
            Duration ttl,
            int flags,
            Optional<Peer> leader,
            ActorRef<OpenReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new OpenReply.Refused(code, text));
        }
    }

    /** Asks for a fresh token of an existing session. */
    public record Join(Caller caller, String selector, ActorRef<OpenReply> replyTo) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new OpenReply.Refused(code, text));
        }
    }

    /** The answer to {@link Open} and {@link Join}. */
    public sealed interface OpenReply {
        /**
         * It is open.
         *
         * @param token opens it
         * @param warning for people; empty: none
         */
        record Opened(SessionId id, String token, String warning) implements OpenReply {}

        record Refused(ErrorCode code, String text) implements OpenReply {}
    }

    /**
     * Changes a session.
     *
     * @param versions one of which the session must still have ({@link SessionView#version}); none: whichever it has
     * @param limit as typed; none: it stays
     * @param ttl from now on, zero for none at all; none: it stays
     */
    public record Update(
            Caller caller,
            String selector,
            List<String> versions,
            Optional<String> limit,
            Optional<Duration> ttl,
            ActorRef<UpdateReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new UpdateReply.Refused(code, text));
        }
    }

    /** The answer to {@link Update}. */
    public sealed interface UpdateReply {
        /**
         * It is changed.
         *
         * @param warning for people; empty: none
         */
        record Updated(SessionId id, String warning) implements UpdateReply {}

        /** It was changed before, and has this version now. */
        record Outdated(SessionId id, String version) implements UpdateReply {}

        record Refused(ErrorCode code, String text) implements UpdateReply {}
    }

    /** Asks for the session that a HELLO names. */
    public record Find(SessionId id, ActorRef<FindReply> replyTo) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new FindReply.Refused(code, text));
        }
    }

    /** The answer to {@link Find}. */
    public sealed interface FindReply {
        record Found(ActorRef<Session.Command> session) implements FindReply {}

        record Refused(ErrorCode code, String text) implements FindReply {}
    }

    /** Asks for every session that the caller may see. */
    public record ListAll(Caller caller, ActorRef<ListReply> replyTo) implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new ListReply.Refused(code, text));
        }
    }

    /** The answer to {@link ListAll}. */
    public sealed interface ListReply {
        /**
         * Those there are.
         *
         * @param silent sessions that did not answer in time
         * @param totals of all sessions, those that the caller may not see and those that have ended included
         */
        record Listed(List<SessionView> sessions, List<SessionId> silent, Totals totals) implements ListReply {}

        record Refused(ErrorCode code, String text) implements ListReply {}
    }

    /** Asks for one session. */
    public record Inspect(Caller caller, String selector, ActorRef<InspectReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new InspectReply.Refused(code, text));
        }
    }

    /** The answer to {@link Inspect}. */
    public sealed interface InspectReply {
        record Seen(SessionView session) implements InspectReply {}

        record Refused(ErrorCode code, String text) implements InspectReply {}
    }

    /** Asks for the live allocations of one session. */
    public record Allocations(Caller caller, String selector, ActorRef<AllocationsReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new AllocationsReply.Refused(code, text));
        }
    }

    /** The answer to {@link Allocations}. */
    public sealed interface AllocationsReply {
        /**
         * A copy of them.
         *
         * @param truncated there may be more than were copied
         */
        record Listing(SessionId session, List<AllocationView> allocations, boolean truncated)
                implements AllocationsReply {}

        record Refused(ErrorCode code, String text) implements AllocationsReply {}
    }

    /**
     * One live block.
     *
     * @param kind GPUSLICE_KIND_* of the wire
     */
    public record AllocationView(ProcessId process, DeviceId device, long handle, long bytes, int kind) {}

    /**
     * Asks to end a session.
     *
     * @param versions one of which the session must still have ({@link SessionView#version}); none: whichever it has
     * @param force end its processes first: SIGTERM, and SIGKILL to those that stay
     */
    public record Remove(
            Caller caller, String selector, List<String> versions, boolean force, ActorRef<RemoveReply> replyTo)
            implements Command, Refusable {
        @Override
        public void refuse(ErrorCode code, String text) {
            replyTo.tell(new RemoveReply.Refused(code, text));
        }
    }

    /** The answer to {@link Remove}. */
    public sealed interface RemoveReply {
        record Removed(SessionId id) implements RemoveReply {}

        /** It was changed before, and has this version now. */
        record Outdated(SessionId id, String version) implements RemoveReply {}

        /**
         * Somebody is still in it.
         *
         * @param alive the processes that keep the session alive
         */
        record Busy(SessionId id, List<ProcessId> alive, String text) implements RemoveReply {}

        record Refused(ErrorCode code, String text) implements RemoveReply {}
    }

    /** What becomes of the start, said once. */
    public sealed interface Start {
        /** Every session that was open is so again. */
        record Ready(int sessions) implements Start {}

        /** The list cannot be read, or is not the one that belongs here; nothing was changed. */
        record Unusable(String reason) implements Start {}
    }

    /** A session takes requests. */
    record Restored(SessionId id) implements Command {}

    /** A session's books cannot be read. */
    record Unreadable(SessionId id, Throwable cause) implements Command {}

    /**
     * Nobody is left in a session.
     *
     * @param by who asked for that; none: it came by itself
     */
    record Ended(SessionId id, Optional<Caller> by) implements Command {}

    record Begin() implements Command {}

    /**
     * How many sessions there may be from now on; those that are open stay.
     *
     * @param max at one time
     * @param caps of each user
     */
    record Adjust(int max, Caps caps) implements Command {}

    record OpenOn(Open open, Devices.Known devices) implements Command {}

    record UpdateOn(Update update, Devices.Known devices) implements Command {}

    record Gone(SessionId id, int slot) implements Command {}

    record TimeIsUp(SessionId id) implements Command {}

    /**
     * How the list is kept.
     *
     * @param state names the directory that the list belongs to
     * @param begun whether that directory had a list before: then an empty one is a loss and no beginning
     * @param max sessions at one time
     * @param caps of each user
     */
    record Settings(Journal journal, String state, boolean begun, int max, Caps caps, Session.Settings each) {}

    private Sessions() {}

    /**
     * The list.
     *
     * @param start hears once when every session is there again, or why none is
     */
    static Behavior<Command> create(
            Ports ports, Settings settings, ActorRef<Devices.Command> devices, ActorRef<Start> start) {
        return SessionsActor.create(ports, settings, devices, start);
    }
}
