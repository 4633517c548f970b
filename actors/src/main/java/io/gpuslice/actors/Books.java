// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Admitted;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.SessionEvent.Departed;
import io.gpuslice.actors.SessionEvent.SlotTaken;
import io.gpuslice.actors.SessionView.Counters;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What one slot of the journal says: a session's ledger, and what people want to know beside it. Immutable.
 *
 * @param tenant whose slot it is; none while nothing was written
 * @param admitted who the members are
 * @param reclaimed bytes that members held when they left, ever
 * @param past what the members that left had done
 */
public record Books(
        Optional<SessionId> tenant, Ledger ledger, Map<ProcessId, Admitted> admitted, long reclaimed, Counters past) {

    /** A slot that nobody has written to. */
    static final Books BLANK =
            new Books(Optional.empty(), Ledger.open(Limits.everywhere(0), false), Map.of(), 0, Counters.NONE);

    public Books {
        admitted = Map.copyOf(admitted);
    }

    /**
     * The books after this event.
     *
     * @throws IllegalStateException if it cannot have happened to these books
     */
    Books apply(SessionEvent event) {
        if (tenant.isEmpty() && !(event instanceof SlotTaken)) {
            throw new IllegalStateException("The journal of this slot has lost its beginning: it starts with " + event);
        }
        return switch (event) {
            case SlotTaken taken ->
                new Books(
                        Optional.of(taken.session()),
                        Ledger.open(taken.limits(), taken.strict()),
                        Map.of(),
                        0,
                        Counters.NONE);
            case Admitted member -> with(member);
            case Departed member -> without(member);
            case Booked booked -> new Books(tenant, ledger.apply(booked.event()), admitted, reclaimed, past);
        };
    }

    private Books with(Admitted member) {
        Map<ProcessId, Admitted> more = new HashMap<>(admitted);
        more.put(member.process(), member);
        return new Books(tenant, ledger, more, reclaimed, past);
    }

    private Books without(Departed member) {
        Map<ProcessId, Admitted> fewer = new HashMap<>(admitted);
        fewer.remove(member.process());
        return new Books(tenant, ledger, fewer, reclaimed + member.held(), past.plus(member.counters()));
    }
}
