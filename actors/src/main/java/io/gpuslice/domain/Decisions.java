// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.domain.Decision.Denied;
import io.gpuslice.domain.Decision.Granted;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Closed;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Held;
import io.gpuslice.domain.LedgerEvent.Joined;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.LimitChanged;
import io.gpuslice.domain.LedgerEvent.Lingered;
import io.gpuslice.domain.LedgerEvent.Lingers;
import io.gpuslice.domain.LedgerEvent.Reason;
import io.gpuslice.domain.LedgerEvent.Renewed;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Every decision about a session's memory, each a function of the books and the pages. The caller decides one
 * thing at a time: it carries a {@link Change} out before it asks for the next.
 */
public final class Decisions {
    private Decisions() {}

    /**
     * May this process hold that many bytes more? Its own idle credit serves first, then what is free of the
     * limit, then everybody's idle credit, which is collected only where it suffices. It may be granted more than it
     * asked for ({@link GrantPolicy}), unless its page makes no sense: nobody could collect that from it.
     *
     * @param device index into the process's devices
     * @param bytes 1 … 2^63−1
     */
    public static Decision charge(Ledger ledger, ProcessId process, int device, long bytes, PageLookup pages) {
        Optional<ErrorCode> mistake = mistake(ledger, process, device, bytes);
        if (mistake.isPresent()) {
            return new Denied(Change.NONE, mistake.get(), bytes, 0, 0);
        }
        Member member = ledger.member(process).orElseThrow();
        DeviceId id = member.devices().get(device);
        Optional<ErrorCode> refusal = refusal(ledger.state());
        if (refusal.isPresent()) {
            return denied(ledger, id, Change.NONE, refusal.get(), bytes, Used.sum(ledger, id, pages));
        }
        Page page = pages.of(process);
        if (page == null) {
            // A grant could not reach the guest: it would ask again and again and pile up charge.
            return denied(ledger, id, Change.NONE, ErrorCode.INTERNAL, bytes, Used.sum(ledger, id, pages));
        }
        long charge = member.charges().get(device);
        long claimed = page.used(device);
        boolean makesSense = !Used.exceeds(claimed, charge);
        long credit = makesSense ? charge - claimed : 0;
        long missing = Math.max(0, bytes - credit);
        if (missing <= ledger.free(id)) {
            long raise = makesSense ? GrantPolicy.raise(ledger, id, missing) : missing;
            return granted(ledger, process, device, charge + raise);
        }
        long used = Used.sum(ledger, id, pages);
        if (bytes > ledger.limits().on(id) - used) {
            return denied(ledger, id, Change.NONE, ErrorCode.QUOTA_EXCEEDED, bytes, used);
        }
        return chargeCollected(ledger, process, id, bytes, Collect.from(ledger, id, pages), makesSense);
    }

    /**
     * The process has that many bytes already, and they could not be foreseen: there is nothing left to deny. They are
     * taken from its own idle credit, from what is free, and from everybody's idle credit, which is collected; what is
     * still missing is charged all the same, over the limit and whatever the session's state.
     *
     * <p>Refused are only what no device has, strangers, and a process whose page is lost.
     *
     * @param device index into the process's devices
     * @param bytes 1 … 2^63−1
     */
    public static Decision hold(Ledger ledger, ProcessId process, int device, long bytes, PageLookup pages) {
        Optional<ErrorCode> mistake = mistake(ledger, process, device, bytes);
        if (mistake.isPresent()) {
            return new Denied(Change.NONE, mistake.get(), bytes, 0, 0);
        }
        Member member = ledger.member(process).orElseThrow();
        DeviceId id = member.devices().get(device);
        Page page = pages.of(process);
        if (page == null) {
            return denied(ledger, id, Change.NONE, ErrorCode.INTERNAL, bytes, Used.sum(ledger, id, pages));
        }
        long charge = member.charges().get(device);
        long used = Used.read(page, device, charge);
        List<LedgerEvent> events = new ArrayList<>();
        if (bytes > charge - used && bytes - (charge - used) > ledger.free(id)) {
            events.addAll(Collect.from(ledger, id, pages));
            used = ledger.apply(events).member(process).orElseThrow().charge(id);
        }
        Ledger after = ledger.apply(events);
        long kept = after.member(process).orElseThrow().charge(id);
        long raise = Math.max(0, bytes - (kept - used));
        if (raise > Math.max(ledger.limits().on(id), Abi.MAX_BYTES) - after.charged(id)) {
            // Forged; and charges that add up to more than any device has would overflow in the end.
            Change change = settle(ledger, events, List.of(id));
            return denied(ledger, id, change, ErrorCode.BAD_REQUEST, bytes, Used.sum(after, id, pages));
        }
        boolean fits = after.state() == SessionState.ACTIVE && raise <= after.free(id);
        if (raise > 0) {
            events.add(fits ? new Charged(process, id, kept + raise) : new Held(process, id, kept + raise));
        }
        return new Granted(settle(ledger, events, List.of(id)), kept + raise);
    }

    private static Optional<ErrorCode> mistake(Ledger ledger, ProcessId process, int device, long bytes) {
        Optional<Member> member = ledger.member(process);
        if (member.isEmpty()) {
            return Optional.of(ErrorCode.FORBIDDEN);
        }
        boolean makesSense = device >= 0 && device < member.get().devices().size() && bytes > 0;
        return makesSense ? Optional.empty() : Optional.of(ErrorCode.BAD_REQUEST);
    }

    /**
     * After a collect a charge is what its process holds, so everything else is free.
     *
     * @param ahead whether more may be granted than was asked
     */
    private static Decision chargeCollected(
            Ledger ledger, ProcessId process, DeviceId id, long bytes, List<Charged> collected, boolean ahead) {
        List<LedgerEvent> events = new ArrayList<>(collected);
        Ledger after = ledger.apply(events);
        if (bytes > after.free(id)) {
            // Somebody was faster with an allocation of their own credit.
            return denied(
                    ledger,
                    id,
                    settle(ledger, events, List.of(id)),
                    ErrorCode.QUOTA_EXCEEDED,
                    bytes,
                    after.charged(id));
        }
        long raise = ahead ? GrantPolicy.raise(after, id, bytes) : bytes;
        long charge = after.member(process).orElseThrow().charge(id) + raise;
        events.add(new Charged(process, id, charge));
        return new Granted(settle(ledger, events, List.of(id)), charge);
    }

    /**
     * May this process become a member? With the image it already has it keeps its charge, in this page from now
     * on; with another one the old image's memory is gone, and its charge is returned.
     */
    public static Joining join(
            Ledger ledger, ProcessId process, ImageId image, List<DeviceId> devices, PageIdentity page) {
        if (ledger.state() == SessionState.CLOSED) {
            return new Joining.Refused(ErrorCode.SESSION_CLOSED, "The session has ended: open another one.");
        }
        if (devices.isEmpty() || new HashSet<>(devices).size() != devices.size()) {
            return new Joining.Refused(
                    ErrorCode.BAD_REQUEST, devices.size() + " devices, none or one of them twice: name each once.");
        }
        Optional<Member> known = ledger.member(process);
        List<LedgerEvent> events = new ArrayList<>();
        if (known.isPresent()) {
            Member member = known.get();
            if (!member.image().equals(image)) {
                events.add(left(member, Reason.RECONNECTED));
            } else if (!member.devices().equals(devices)) {
                return new Joining.Refused(
                        ErrorCode.BAD_REQUEST,
                        "This program joined with other devices ("
                                + member.devices().size() + ", now " + devices.size()
                                + "): they cannot change while it runs.");
            }
        }
        events.add(new Joined(process, image, devices, page));
        return new Joining.Welcomed(settle(ledger, events, devices));
    }

    /** The process is dead: its whole charge is returned, whatever image it ran. Nothing for a stranger. */
    public static Change died(Ledger ledger, ProcessId process) {
        return ledger.member(process)
                .map(member -> leave(ledger, member, Reason.DIED))
                .orElse(Change.NONE);
    }

    /**
     * The process is dead, but others keep what it held: that stays counted, and only its credit is returned. Nothing
     * for a stranger; the same as {@link #died} for one that held nothing.
     */
    public static Change lingers(Ledger ledger, ProcessId process, PageLookup pages) {
        return ledger.member(process)
                .map(member -> leaveBehind(ledger, member, Reason.DIED, pages))
                .orElse(Change.NONE);
    }

    private static Change leaveBehind(Ledger ledger, Member member, Reason reason, PageLookup pages) {
        Map<DeviceId, Long> held = new HashMap<>();
        for (int i = 0; i < member.devices().size(); i++) {
            long used =
                    Used.read(pages.of(member.process()), i, member.charges().get(i));
            if (used > 0) {
                held.put(member.devices().get(i), used);
            }
        }
        return held.isEmpty()
                ? leave(ledger, member, reason)
                : settle(ledger, List.of(new Lingers(member.process(), member.image(), held)), List.of());
    }

    /** Nobody keeps any longer what the process left behind: it is returned. Nothing where it left nothing behind. */
    public static Change lingered(Ledger ledger, ProcessId process) {
        return ledger.remains(process)
                .map(left -> settle(ledger, List.of(new Lingered(process, left.held())), List.of()))
                .orElse(Change.NONE);
    }

    /** The process lives on with another image: the old one's charge is returned, unless that was done already. */
    public static Change execed(Ledger ledger, ProcessId process, ImageId old) {
        return ledger.member(process)
                .filter(member -> member.image().equals(old))
                .map(member -> leave(ledger, member, Reason.EXECED))
                .orElse(Change.NONE);
    }

    /**
     * As {@link #execed}, but others keep what the old image held: that stays counted, and only its credit is returned.
     */
    public static Change outlived(Ledger ledger, ProcessId process, ImageId old, PageLookup pages) {
        return ledger.member(process)
                .filter(member -> member.image().equals(old))
                .map(member -> leaveBehind(ledger, member, Reason.EXECED, pages))
                .orElse(Change.NONE);
    }

    /**
     * Other limits. One below what is held takes nothing away: credit is collected, and new memory is refused
     * until it fits.
     */
    public static Change resize(Ledger ledger, Limits limits, PageLookup pages) {
        List<LedgerEvent> events = new ArrayList<>();
        List<DeviceId> collected = new ArrayList<>();
        for (DeviceId device : ledger.devices()) {
            if (ledger.charged(device) > limits.on(device)) {
                events.addAll(Collect.from(ledger, device, pages));
                collected.add(device);
            }
        }
        events.add(new LimitChanged(limits));
        return settle(ledger, events, collected);
    }

    /** The TTL is over: credit is collected and every page gated. Nothing where the session is not active. */
    public static Change expire(Ledger ledger, PageLookup pages) {
        return ledger.state() == SessionState.ACTIVE ? stop(ledger, new Expired(), pages) : Change.NONE;
    }

    /** The session has ended: credit is collected and every page gated. Nothing where that was done. */
    public static Change close(Ledger ledger, PageLookup pages) {
        return ledger.state() == SessionState.CLOSED ? Change.NONE : stop(ledger, new Closed(), pages);
    }

    /**
     * A new TTL; how long, only the caller knows.
     *
     * @throws IllegalStateException if the session is closed
     */
    public static Change renew(Ledger ledger) {
        return settle(ledger, List.of(new Renewed()), List.of());
    }

    /** Why a session in this state takes no new memory; empty where it does. */
    public static Optional<ErrorCode> refusal(SessionState state) {
        return switch (state) {
            case ACTIVE -> Optional.empty();
            case EXPIRED -> Optional.of(ErrorCode.SESSION_EXPIRED);
            case CLOSED -> Optional.of(ErrorCode.SESSION_CLOSED);
        };
    }

    private static Change stop(Ledger ledger, LedgerEvent event, PageLookup pages) {
        List<LedgerEvent> events = new ArrayList<>();
        for (DeviceId device : ledger.devices()) {
            events.addAll(Collect.from(ledger, device, pages));
        }
        events.add(event);
        return settle(ledger, events, ledger.devices());
    }

    private static Change leave(Ledger ledger, Member member, Reason reason) {
        return settle(ledger, List.of(left(member, reason)), List.of());
    }

    private static Left left(Member member, Reason reason) {
        return new Left(member.process(), member.image(), reason, member.charged());
    }

    private static Granted granted(Ledger ledger, ProcessId process, int device, long charge) {
        Member member = ledger.member(process).orElseThrow();
        DeviceId id = member.devices().get(device);
        List<LedgerEvent> events = charge == member.charge(id) ? List.of() : List.of(new Charged(process, id, charge));
        // Written even where the charge stays: a journal that failed after a collect left the page below it.
        long gate = ledger.gated(id) ? Page.GATED : 0;
        return new Granted(new Change(events, List.of(new PageWrite(process, device, charge | gate))), charge);
    }

    private static Denied denied(Ledger ledger, DeviceId device, Change change, ErrorCode code, long asked, long used) {
        return new Denied(change, code, asked, used, ledger.limits().on(device));
    }

    /** The events, with the writes for the devices they touched and for those whose gate they set or lift. */
    static Change settle(Ledger before, List<? extends LedgerEvent> events, Collection<DeviceId> touched) {
        Ledger after = before.apply(events);
        List<PageWrite> writes = new ArrayList<>();
        for (DeviceId device : after.devices()) {
            if (touched.contains(device) || before.gated(device) != after.gated(device)) {
                writes.addAll(after.pageWrites(device));
            }
        }
        return new Change(List.copyOf(events), writes);
    }
}
