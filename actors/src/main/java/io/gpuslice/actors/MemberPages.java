// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

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

    @Override
    public @Nullable MemberPage of(ProcessId process) {
        return pages.get(process);
    }

    /** Takes the page over, and lets go of the one the process had. */
    void put(ProcessId process, MemberPage page) {
        MemberPage former = pages.put(process, page);
        if (former != null && !former.equals(page)) {
            former.close();
            gated.remove(process);
        }
    }

    void remove(ProcessId process) {
        gated.remove(process);
        MemberPage page = pages.remove(process);
        if (page != null) {
            page.close();
        }
    }

    void clear() {
        pages.values().forEach(MemberPage::close);
        pages.clear();
        gated.clear();
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

    /** What the process says it has done; nothing where its page is lost. */
    SessionView.Counters counters(ProcessId process) {
        MemberPage page = pages.get(process);
        if (page == null) {
            return SessionView.Counters.NONE;
        }
        PageCounters counters = page.counters();
        return new SessionView.Counters(counters.allocations(), counters.frees(), counters.denials());
    }
}
