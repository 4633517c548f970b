// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.time.Instant;
import java.util.Optional;

/** What is journaled of the list of sessions. Each of these is on the disk before it is answered. */
public sealed interface SessionsEvent {

    /**
     * The list begins. It is the first event of every list, so that one that lost its beginning shows.
     *
     * @param state names the directory that the list belongs to
     */
    record Founded(String state) implements SessionsEvent {}

    /**
     * A session was opened.
     *
     * @param slot which journal of sessions' books it uses, from 0
     * @param limit as typed
     * @param limits the same in bytes
     * @param deadline when it expires; none: it does not
     * @param leader the process that became the program
     * @param flags GPUSLICE_FLAG_* of the wire
     */
    record Opened(
            SessionId session,
            int slot,
            String name,
            int uid,
            String limit,
            Limits limits,
            Optional<Deadline> deadline,
            Optional<ProcessId> leader,
            TokenHash token,
            int flags,
            Instant at)
            implements SessionsEvent {}

    /** Another token opens the session, too. */
    record TokenAdded(SessionId session, TokenHash token) implements SessionsEvent {}

    /** The session has another limit. */
    record Resized(SessionId session, String limit, Limits limits) implements SessionsEvent {}

    /** The session has another deadline, or none; if it had expired, it is active again. */
    record Renewed(SessionId session, Optional<Deadline> deadline) implements SessionsEvent {}

    /** The session's TTL is over. */
    record Expired(SessionId session) implements SessionsEvent {}

    /** The session has ended. Its slot is free for another. */
    record Closed(SessionId session) implements SessionsEvent {}
}
