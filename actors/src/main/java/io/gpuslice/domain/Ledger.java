// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Closed;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Held;
import io.gpuslice.domain.LedgerEvent.Imported;
import io.gpuslice.domain.LedgerEvent.Joined;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.LimitChanged;
import io.gpuslice.domain.LedgerEvent.Lingered;
import io.gpuslice.domain.LedgerEvent.Lingers;
import io.gpuslice.domain.LedgerEvent.Renewed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The books of one session: who may hold how much. Immutable; made by folding events, so what it says is what
 * the journal says. Pages are copies of it that a guest may scribble on.
 *
 * @param strict every single allocation is asked for
 * @param members in the order in which they joined
 * @param remains what counts beside the pages, in the order in which it came to that
 */
public record Ledger(Limits limits, boolean strict, SessionState state, List<Member> members, List<Remains> remains) {
    public Ledger {
        members = List.copyOf(members);
        remains = List.copyOf(remains);
    }

    /** The books of a session that was just opened. */
    public static Ledger open(Limits limits, boolean strict) {
        return new Ledger(limits, strict, SessionState.ACTIVE, List.of(), List.of());
    }

    /** The member that this process is, if it is one. */
    public Optional<Member> member(ProcessId process) {
        for (Member member : members) {
            if (member.process().equals(process)) {
                return Optional.of(member);
            }
        }
        return Optional.empty();
    }

    /** What the process left behind when it died, or became another program, if that still counts. */
    public Optional<Remains> remains(ProcessId process) {
        return remains(process, Remains.Reason.LINGERING);
    }

    private Optional<Remains> remains(ProcessId process, Remains.Reason reason) {
        return remains.stream()
                .filter(left -> left.process().equals(process) && left.reason() == reason)
                .findFirst();
    }

    /** Bytes on this device that the process uses and that another one paid for once. */
    public long imported(ProcessId process, DeviceId device) {
        return remains(process, Remains.Reason.IMPORTED)
                .map(left -> left.on(device))
                .orElse(0L);
    }

    /** Every device that a member sees, something remains on, or a limit names. */
    public Set<DeviceId> devices() {
        Set<DeviceId> devices = new LinkedHashSet<>();
        members.forEach(member -> devices.addAll(member.devices()));
        remains.forEach(left -> devices.addAll(left.held().keySet()));
        devices.addAll(limits.perDevice().keySet());
        return devices;
    }

    /** Bytes on this device that count beside the pages. */
    public long remaining(DeviceId device) {
        return remains.stream().mapToLong(left -> left.on(device)).sum();
    }

    /** Bytes charged on this device: all members together, and what remains beside their pages. */
    public long charged(DeviceId device) {
        long sum = remaining(device);
        for (Member member : members) {
            sum += member.charge(device);
        }
        return sum;
    }

    /** How many members see this device. */
    long sharers(DeviceId device) {
        return members.stream()
                .filter(member -> member.devices().contains(device))
                .count();
    }

    /**
     * Bytes of the limit that nobody has been charged; negative while the limit is below what was charged: it was
     * lowered, or memory was held that nothing could refuse.
     */
    public long free(DeviceId device) {
        return limits.on(device) - charged(device);
    }

    /**
     * Whether the members must ask for every allocation on this device: because the session is strict or takes
     * no new memory, or because credit that comes free there belongs to the lowered limit first.
     */
    public boolean gated(DeviceId device) {
        return strict || state != SessionState.ACTIVE || free(device) < 0;
    }

    /** What every page must hold by these books: to be written after a restart. */
    public List<PageWrite> pageWrites() {
        List<PageWrite> writes = new ArrayList<>();
        devices().forEach(device -> writes.addAll(pageWrites(device)));
        return writes;
    }

    /** What one member's page must hold: to be written when it is found or made. Empty for a stranger. */
    public List<PageWrite> pageWrites(ProcessId process) {
        return pageWrites().stream()
                .filter(write -> write.process().equals(process))
                .toList();
    }

    /** What the pages of all that see this device must hold there. */
    List<PageWrite> pageWrites(DeviceId device) {
        long gate = gated(device) ? Page.GATED : 0;
        List<PageWrite> writes = new ArrayList<>();
        for (Member member : members) {
            int index = member.devices().indexOf(device);
            if (index >= 0) {
                writes.add(
                        new PageWrite(member.process(), index, member.charges().get(index) | gate));
            }
        }
        return writes;
    }

    /**
     * The books after this event.
     *
     * @throws IllegalStateException if it cannot have happened to these books
     */
    public Ledger apply(LedgerEvent event) {
        return switch (event) {
            case Joined joined -> join(joined);
            case Charged charged -> charge(charged);
            case Held held -> hold(held);
            case Imported imported -> imported(imported);
            case Left left -> leave(left);
            case Lingers lingers -> linger(lingers);
            case Lingered lingered -> forget(lingered);
            case LimitChanged changed -> new Ledger(changed.limits(), strict, state, members, remains);
            case Expired expired -> become(SessionState.EXPIRED, state == SessionState.ACTIVE, expired);
            case Renewed renewed -> become(SessionState.ACTIVE, state != SessionState.CLOSED, renewed);
            case Closed closed -> become(SessionState.CLOSED, state != SessionState.CLOSED, closed);
        };
    }

    /** The books after these events, in their order. */
    public Ledger apply(List<? extends LedgerEvent> events) {
        Ledger ledger = this;
        for (LedgerEvent event : events) {
            ledger = ledger.apply(event);
        }
        return ledger;
    }

    private Ledger join(Joined event) {
        Optional<Member> known = member(event.process());
        if (known.isEmpty()) {
            List<Member> more = new ArrayList<>(members);
            more.add(Member.joined(event));
            return withMembers(more);
        }
        Member member = known.get();
        if (!member.image().equals(event.image()) || !member.devices().equals(event.devices())) {
            throw impossible(event);
        }
        return replace(member.withPage(event.page()));
    }

    private Ledger charge(Charged event) {
        Member member = member(event.process()).orElseThrow(() -> impossible(event));
        int index = member.devices().indexOf(event.device());
        if (index < 0 || event.charge() < 0) {
            throw impossible(event);
        }
        long raise = event.charge() - member.charges().get(index);
        if (raise > 0 && (state != SessionState.ACTIVE || raise > free(event.device()))) {
            throw impossible(event);
        }
        return replace(member.withCharge(index, event.charge()));
    }

    private Ledger hold(Held event) {
        Member member = member(event.process()).orElseThrow(() -> impossible(event));
        int index = member.devices().indexOf(event.device());
        if (index < 0 || event.charge() < member.charges().get(index)) {
            throw impossible(event);
        }
        return replace(member.withCharge(index, event.charge()));
    }

    private Ledger leave(Left event) {
        Member member = member(event.process()).orElseThrow(() -> impossible(event));
        if (!member.image().equals(event.image()) || !member.charged().equals(event.returned())) {
            throw impossible(event);
        }
        return without(member).withRemains(without(event.process(), Remains.Reason.IMPORTED));
    }

    private Ledger linger(Lingers event) {
        Member member = member(event.process()).orElseThrow(() -> impossible(event));
        boolean wasCharged =
                event.held().entrySet().stream().allMatch(held -> held.getValue() <= member.charge(held.getKey()));
        if (!member.image().equals(event.image()) || !wasCharged) {
            throw impossible(event);
        }
        // One program of a process after the other may leave something behind.
        Map<DeviceId, Long> held = new HashMap<>(event.held());
        remains(event.process())
                .ifPresent(former -> former.held().forEach((on, bytes) -> held.merge(on, bytes, Long::sum)));
        List<Remains> more = new ArrayList<>(without(event.process(), Remains.Reason.LINGERING));
        more.add(new Remains(event.process(), held, Remains.Reason.LINGERING));
        return without(member).withRemains(more);
    }

    private Ledger forget(Lingered event) {
        Remains left = remains(event.process()).orElseThrow(() -> impossible(event));
        if (!left.held().equals(event.returned())) {
            throw impossible(event);
        }
        return member(event.process()).isPresent()
                ? withRemains(without(event.process(), Remains.Reason.LINGERING))
                : withRemains(othersThan(event.process()));
    }

    /** Absolute, as {@link #charge}: the one that lets go of the last byte leaves no trace. */
    private Ledger imported(Imported event) {
        ProcessId process = event.process();
        boolean isKnown = member(process).isPresent()
                || remains.stream().anyMatch(left -> left.process().equals(process));
        if (!isKnown || event.bytes() < 0) {
            throw impossible(event);
        }
        Optional<Remains> former = remains(process, Remains.Reason.IMPORTED);
        Map<DeviceId, Long> held = new LinkedHashMap<>(former.map(Remains::held).orElse(Map.of()));
        held.put(event.device(), event.bytes());
        held.values().removeIf(bytes -> bytes == 0);
        List<Remains> others = new ArrayList<>(remains);
        former.ifPresent(others::remove);
        if (!held.isEmpty()) {
            others.add(new Remains(process, held, Remains.Reason.IMPORTED));
        }
        return withRemains(others);
    }

    /** What remains without this process: whoever is gone uses nothing of others either. */
    private List<Remains> othersThan(ProcessId process) {
        return remains.stream().filter(left -> !left.process().equals(process)).toList();
    }

    private List<Remains> without(ProcessId process, Remains.Reason reason) {
        return remains.stream()
                .filter(left -> !left.process().equals(process) || left.reason() != reason)
                .toList();
    }

    private Ledger without(Member member) {
        return withMembers(
                members.stream().filter(other -> !other.equals(member)).toList());
    }

    private Ledger become(SessionState next, boolean possible, LedgerEvent event) {
        if (!possible) {
            throw impossible(event);
        }
        return new Ledger(limits, strict, next, members, remains);
    }

    private Ledger replace(Member changed) {
        return withMembers(members.stream()
                .map(member -> member.process().equals(changed.process()) ? changed : member)
                .toList());
    }

    private Ledger withMembers(List<Member> others) {
        return new Ledger(limits, strict, state, others, remains);
    }

    private Ledger withRemains(List<Remains> others) {
        return new Ledger(limits, strict, state, members, others);
    }

    private IllegalStateException impossible(LedgerEvent event) {
        return new IllegalStateException("This cannot have happened: " + event + " to " + this);
    }
}
