// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Admitted;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.SessionEvent.Departed;
import io.gpuslice.actors.SessionEvent.Shared;
import io.gpuslice.actors.SessionEvent.SlotTaken;
import io.gpuslice.actors.SessionEvent.Unshared;
import io.gpuslice.actors.SessionView.Counters;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What one slot of the journal says: a session's ledger, and what people want to know beside it. Immutable.
 *
 * @param tenant whose slot it is; none while nothing was written
 * @param admitted who the members are
 * @param stakes what each process has to do with memory that processes share
 * @param reclaimed bytes that members held when they left, ever
 * @param past what the members that left had done
 */
public record Books(
        Optional<SessionId> tenant,
        Ledger ledger,
        Map<ProcessId, Admitted> admitted,
        Map<ProcessId, Map<ShareKey, Stake>> stakes,
        long reclaimed,
        Counters past) {

    /** A slot that nobody has written to. */
    public static final Books BLANK =
            new Books(Optional.empty(), Ledger.open(Limits.everywhere(0), false), Map.of(), Map.of(), 0, Counters.NONE);

    public Books {
        admitted = Map.copyOf(admitted);
        stakes = Map.copyOf(stakes);
    }

    /** What the process has to do with memory that processes share; empty where nothing. */
    Map<ShareKey, Stake> stakes(ProcessId process) {
        return stakes.getOrDefault(process, Map.of());
    }

    /**
     * The books after this event.
     *
     * @throws IllegalStateException if it cannot have happened to these books
     */
    public Books apply(SessionEvent event) {
        if (tenant.isEmpty() && !(event instanceof SlotTaken)) {
            throw new IllegalStateException("The journal of this slot has lost its beginning: it starts with " + event);
        }
        return switch (event) {
            case SlotTaken taken ->
                new Books(
                        Optional.of(taken.session()),
                        Ledger.open(taken.limits(), taken.strict()),
                        Map.of(),
                        Map.of(),
                        0,
                        Counters.NONE);
            case Admitted member -> with(member);
            case Departed member -> without(member);
            case Shared shared -> with(shared);
            case Unshared unshared -> without(unshared);
            case Booked(LedgerEvent booked) -> with(booked);
        };
    }

    private Books with(Admitted member) {
        Map<ProcessId, Admitted> more = new HashMap<>(admitted);
        more.put(member.process(), member);
        return new Books(tenant, ledger, more, stakes, reclaimed, past);
    }

    private Books without(Departed member) {
        Map<ProcessId, Admitted> fewer = new HashMap<>(admitted);
        fewer.remove(member.process());
        return new Books(tenant, ledger, fewer, stakes, reclaimed + member.held(), past.plus(member.counters()));
    }

    private Books with(Shared shared) {
        Map<ShareKey, Stake> more = new HashMap<>(stakes(shared.process()));
        more.putAll(shared.stakes());
        return withStakes(shared.process(), more);
    }

    private Books without(Unshared unshared) {
        Map<ShareKey, Stake> fewer = new HashMap<>(stakes(unshared.process()));
        fewer.keySet().removeAll(unshared.keys());
        return withStakes(unshared.process(), fewer);
    }

    /** Whoever is gone for good shares nothing any more. */
    private Books with(LedgerEvent event) {
        Books after = new Books(tenant, ledger.apply(event), admitted, stakes, reclaimed, past);
        return switch (event) {
            case LedgerEvent.Left left -> after.withStakes(left.process(), Map.of());
            case LedgerEvent.Lingered lingered
            when ledger.member(lingered.process()).isEmpty() -> after.withStakes(lingered.process(), Map.of());
            default -> after;
        };
    }

    private Books withStakes(ProcessId process, Map<ShareKey, Stake> changed) {
        if (changed.isEmpty() && !stakes.containsKey(process)) {
            return this;
        }
        Map<ProcessId, Map<ShareKey, Stake>> others = new HashMap<>(stakes);
        if (changed.isEmpty()) {
            others.remove(process);
        } else {
            others.put(process, changed);
        }
        return new Books(tenant, ledger, admitted, others, reclaimed, past);
    }
}
