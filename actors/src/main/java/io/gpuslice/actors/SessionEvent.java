// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.time.Instant;

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
     * @param held bytes, all devices together
     */
    record Departed(ProcessId process, long held, SessionView.Counters counters) implements SessionEvent {}

    /** Something happened to the ledger. */
    record Booked(LedgerEvent event) implements SessionEvent {}
}
