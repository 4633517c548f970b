// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Admitted;
import io.gpuslice.actors.page.PageSnapshot;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.Remains;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.Status;
import io.gpuslice.domain.Status.PageHealth;
import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Makes what people see of what a session knows. */
final class Views {

    private Views() {}

    static DeviceUse use(Status.DeviceUse use) {
        return new DeviceUse(use.device(), use.limit(), use.used(), use.charge());
    }

    /** Bytes that one member holds, all devices together; 0 for a stranger. */
    static long held(Status status, ProcessId process) {
        return status.members().stream()
                .filter(member -> member.process().equals(process))
                .mapToLong(Views::used)
                .sum();
    }

    static SessionView of(
            Session.Terms terms,
            Books books,
            MemberPages pages,
            Clock clock,
            List<Refusal> refusals,
            List<Unenforced> unenforced) {
        Status status = Status.of(books.ledger(), pages);
        // An allocation that backs off stands above its charge for an instant; a forged page does so twice.
        Status again = status.members().stream().anyMatch(member -> member.page() == PageHealth.SUSPECT)
                ? Status.of(books.ledger(), pages)
                : status;
        SessionView.Counters counters = books.past();
        List<MemberView> members = new ArrayList<>();
        for (Status.MemberUse use : status.members()) {
            counters = counters.plus(pages.counters(use.process()));
            members.add(member(use, settled(use, again), books));
        }
        return new SessionView(
                terms.id(),
                terms.name(),
                books.ledger().state(),
                terms.uid(),
                terms.leader(),
                terms.created(),
                terms.ttlLeft(clock),
                terms.has(Abi.FLAG_STRICT),
                terms.has(Abi.FLAG_KEEP),
                terms.limit(),
                terms.limits().defaultBytes(),
                status.devices().stream().map(Views::use).toList(),
                List.copyOf(members),
                books.reclaimed(),
                counters,
                refusals,
                remainders(books),
                unenforced,
                terms.version());
    }

    private static List<Remainder> remainders(Books books) {
        List<Remainder> remainders = new ArrayList<>();
        for (Remains left : books.ledger().remains()) {
            left.held()
                    .forEach((device, bytes) ->
                            remainders.add(new Remainder(left.process(), device, bytes, reason(left.reason()))));
        }
        return List.copyOf(remainders);
    }

    private static Remainder.Reason reason(Remains.Reason reason) {
        return switch (reason) {
            case LINGERING -> Remainder.Reason.LINGERING;
            case IMPORTED -> Remainder.Reason.IMPORTED;
        };
    }

    private static PageHealth settled(Status.MemberUse use, Status again) {
        boolean stays = again.members().stream()
                .anyMatch(other -> other.process().equals(use.process()) && other.page() == use.page());
        return stays ? use.page() : PageHealth.OK;
    }

    private static MemberView member(Status.MemberUse use, PageHealth health, Books books) {
        Admitted who = Objects.requireNonNull(books.admitted().get(use.process()), "journaled with its joining");
        return new MemberView(
                use.process(),
                who.uid(),
                who.command(),
                who.at(),
                used(use),
                charge(use),
                state(health),
                use.devices().stream().map(Views::use).toList());
    }

    private static MemberView.PageState state(PageHealth health) {
        return switch (health) {
            case OK -> MemberView.PageState.OK;
            case LOST -> MemberView.PageState.LOST;
            case SUSPECT -> MemberView.PageState.FORGED;
        };
    }

    private static long used(Status.MemberUse member) {
        return member.devices().stream().mapToLong(Status.DeviceUse::used).sum();
    }

    private static long charge(Status.MemberUse member) {
        return member.devices().stream().mapToLong(Status.DeviceUse::charge).sum();
    }

    /**
     * Copies live allocations out of the pages. Takes its time: not on the event loop.
     *
     * @param most allocations to copy
     * @throws IOException if a page cannot be mapped
     */
    static Sessions.AllocationsReply allocations(SessionId session, Map<Member, MemberPage> pages, int most)
            throws IOException {
        List<Sessions.AllocationView> allocations = new ArrayList<>();
        boolean truncated = false;
        for (Map.Entry<Member, MemberPage> entry : pages.entrySet()) {
            Member member = entry.getKey();
            PageSnapshot snapshot;
            try {
                snapshot = entry.getValue().snapshot(most - allocations.size());
            } catch (IllegalStateException gone) {
                // No member any more since the question was asked: nothing of it is live.
                continue;
            }
            truncated |= snapshot.truncated();
            for (PageSnapshot.Allocation block : snapshot.allocations()) {
                allocations.add(new Sessions.AllocationView(
                        member.process(),
                        member.devices().get(block.device()),
                        block.handle(),
                        block.bytes(),
                        block.kind()));
            }
        }
        return new Sessions.AllocationsReply.Listing(session, allocations, truncated);
    }
}
