// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import java.time.Instant;
import java.util.Map;
import java.util.Set;

/** What is journaled of one session. */
public sealed interface SessionEvent {

    /**
     * A session has begun to use this slot of the journal. It comes before everything else of that session, and with
     * it everything that an earlier session left here is over.
     */
    record SlotTaken(SessionId session, Limits limits, boolean strict) implements SessionEvent {}

    /** Who a new member is, for people. */
    record Admitted(ProcessId process, int uid, String command, Instant at) implements SessionEvent {}

    /**
     * What a member that left held at that moment and had done until then.
     *
     * @param held bytes, all devices together; 0 where nobody knows, because its page was lost
     */
    record Departed(ProcessId process, long held, SessionView.Counters counters) implements SessionEvent {}

    /** A process has to do with memory that processes share; its other stakes stay as they are. */
    record Shared(ProcessId process, Map<ShareKey, Stake> stakes) implements SessionEvent {
        public Shared {
            stakes = Map.copyOf(stakes);
        }
    }

    /** A process has nothing to do any more with the memory of these names. */
    record Unshared(ProcessId process, Set<ShareKey> keys) implements SessionEvent {
        public Unshared {
            keys = Set.copyOf(keys);
        }
    }

    /** Something happened to the ledger. */
    record Booked(LedgerEvent event) implements SessionEvent {}
}
