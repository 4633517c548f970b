// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

import io.gpuslice.actors.page.PageSnapshot.Allocation;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** One mapped page. It is the segment that turns an access after {@link #close} into an exception. */
final class MemfdPage implements MemberPage {

    private final Memfd memfd;
    private final MemorySegment page;
    private final int devices;
    private final PageIdentity identity;
    private boolean closed;

    /** @param page the whole of {@code memfd}, mapped by it */
    MemfdPage(Memfd memfd, MemorySegment page, int devices, PageIdentity identity) {
        this.memfd = memfd;
        this.page = page;
        this.devices = devices;
        this.identity = identity;
    }

    @Override
    public void storeCharge(int device, long word) {
        PageLayout.storeCharge(page, device, word);
    }

    @Override
    public long used(int device) {
        return PageLayout.used(page, device);
    }

    @Override
    public void presetUsed(int device, long bytes) {
        PageLayout.presetUsed(page, device, bytes);
    }

    @Override
    public PageIdentity identity() {
        return identity;
    }

    @Override
    public long size() {
        return identity.size();
    }

    @Override
    public int duplicate() throws IOException {
        return copy().fd();
    }

    @Override
    public PageCounters counters() {
        long allocations = 0;
        long frees = 0;
        long denials = 0;
        for (int device = 0; device < devices; device++) {
            allocations += PageLayout.allocations(page, device);
            frees += PageLayout.frees(page, device);
            denials += PageLayout.denials(page, device);
        }
        return new PageCounters(allocations, frees, denials);
    }

    @Override
    public PageSnapshot snapshot(int most) throws IOException {
        try (Memfd copy = copy()) {
            MemorySegment table = copy.map();
            List<Allocation> found = new ArrayList<>();
            // Never into holes: reading one gives it memory, up to 256 MiB where the header is forged.
            copy.forEachExtent((from, to) -> {
                if (found.size() <= most) {
                    PageLayout.forEachAllocation(table, from, to, (handle, bytes, device, kind) -> {
                        // One more than wanted tells that there are more.
                        if (device < devices && found.size() <= most) {
                            found.add(new Allocation(handle, bytes, device, kind));
                        }
                    });
                }
            });
            boolean truncated = found.size() > most;
            return new PageSnapshot(List.copyOf(truncated ? found.subList(0, most) : found), truncated);
        }
    }

    /** Under the lock, because snapshots are taken on other threads than the one that closes the page. */
    private synchronized Memfd copy() throws LinuxException {
        if (closed) {
            throw new IllegalStateException("the ledger page was closed: its process is no member any more");
        }
        return memfd.duplicate();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            memfd.close();
        } catch (LinuxException e) {
            throw new UncheckedIOException("a descriptor of ours could not be closed", e);
        }
    }
}
