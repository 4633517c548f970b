// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionView.Counters;
import io.gpuslice.actors.page.PageCounters;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.PageLookup;
import io.gpuslice.domain.PageWrite;
import io.gpuslice.domain.ProcessId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The mapped pages of one session's members. They outlive a restart of the session's actor: a page that was let go
 * could be found again only if its process still has the descriptor.
 */
final class MemberPages implements PageLookup {

    private final Map<ProcessId, MemberPage> pages = new HashMap<>();
    private final Set<ProcessId> gated = new HashSet<>();
    private final GuestTotals totals;
    /** What was read of each member's counters, and is in the totals or older than they; none: not known yet. */
    private final Map<ProcessId, Counters> read = new HashMap<>();

    /** @param totals gets what the members do */
    MemberPages(GuestTotals totals) {
        this.totals = totals;
    }

    @Override
    public @Nullable MemberPage of(ProcessId process) {
        return pages.get(process);
    }

    /** Takes over a page that was made for the process just now, and lets go of the one it had. */
    void put(ProcessId process, MemberPage page) {
        if (replace(process, page)) {
            read.put(process, Counters.NONE);
        }
    }

    /** Takes over a page that was there before this daemon: what it counts was done before. */
    void putFound(ProcessId process, MemberPage page) {
        if (replace(process, page)) {
            read.put(process, onPage(page));
        }
    }

    /** Takes over a page that is made in place of a lost one: its program will carry over what that had counted. */
    void putInstead(ProcessId process, MemberPage page) {
        if (replace(process, page)) {
            read.remove(process);
        }
    }

    private boolean replace(ProcessId process, MemberPage page) {
        MemberPage former = pages.put(process, page);
        boolean isOther = !page.equals(former);
        if (former != null && isOther) {
            former.close();
            gated.remove(process);
        }
        return isOther;
    }

    void remove(ProcessId process) {
        gated.remove(process);
        read.remove(process);
        MemberPage page = pages.remove(process);
        if (page != null) {
            page.close();
        }
    }

    void clear() {
        pages.values().forEach(MemberPage::close);
        pages.clear();
        gated.clear();
        read.clear();
    }

    /**
     * From the next write on, whether the process's page is gated whatever the books say.
     *
     * @return whether that is a change
     */
    boolean gate(ProcessId process, boolean on) {
        return on ? gated.add(process) : gated.remove(process);
    }

    /** Makes the writes; those into lost pages wait for nobody. */
    void write(List<PageWrite> writes) {
        for (PageWrite write : writes) {
            MemberPage page = pages.get(write.process());
            if (page != null) {
                page.storeCharge(write.device(), write.word() | (gated.contains(write.process()) ? Page.GATED : 0));
            }
        }
    }

    /** What the process says it has done; nothing where its page is lost. What is new in it is added to the totals. */
    Counters counters(ProcessId process) {
        MemberPage page = pages.get(process);
        if (page == null) {
            return Counters.NONE;
        }
        Counters now = onPage(page);
        Counters former = read.get(process);
        if (former != null) {
            Counters most = now.max(former);
            totals.add(most.since(former));
            read.put(process, most);
        } else if (!now.equals(Counters.NONE)) {
            read.put(process, now);
        }
        return now;
    }

    private static Counters onPage(MemberPage page) {
        PageCounters counters = page.counters();
        return new Counters(counters.allocations(), counters.frees(), counters.denials());
    }
}
