// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One session, for people.
 *
 * @param name as given when it was opened; empty: none
 * @param uid of its owner
 * @param leader the process that opened it and became the program, dead or alive; none where none was named
 * @param ttlLeft until it expires, zero once it has; none: it does not expire
 * @param limit as typed
 * @param defaultLimit bytes it may hold on each device that the limit does not name
 * @param devices those that a limit names or a process has seen
 * @param reclaimed bytes that dead processes still held when they died, ever
 * @param refusals the last 16, the newest first; those of before the daemon's start are forgotten
 * @param remainders what counts as used although no member holds it
 * @param unenforced living processes that the limit does not reach
 * @param version is another one after each change of its limit or TTL, and after nothing else
 */
public record SessionView(
        SessionId id,
        String name,
        SessionState state,
        int uid,
        Optional<ProcessId> leader,
        Instant created,
        Optional<Duration> ttlLeft,
        boolean strict,
        boolean keep,
        String limit,
        long defaultLimit,
        List<DeviceUse> devices,
        List<MemberView> members,
        long reclaimed,
        Counters counters,
        List<Refusal> refusals,
        List<Remainder> remainders,
        List<Unenforced> unenforced,
        String version) {

    /** What the session's processes have done so far, the dead ones included. */
    public record Counters(long allocations, long frees, long denials) {
        public static final Counters NONE = new Counters(0, 0, 0);

        public Counters plus(Counters other) {
            return new Counters(allocations + other.allocations, frees + other.frees, denials + other.denials);
        }

        /** What of this is not in {@code earlier}. */
        Counters since(Counters earlier) {
            return new Counters(allocations - earlier.allocations, frees - earlier.frees, denials - earlier.denials);
        }

        /** The larger of each. */
        Counters max(Counters other) {
            return new Counters(
                    Math.max(allocations, other.allocations),
                    Math.max(frees, other.frees),
                    Math.max(denials, other.denials));
        }
    }
}
