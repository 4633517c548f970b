// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A session with its pages, for tests of single decisions: nobody moves unless the test says so. */
final class Fixture {
    static final DeviceId GPU0 = new DeviceId(new UUID(1, 0));
    static final DeviceId GPU1 = new DeviceId(new UUID(1, 1));
    static final ProcessId ANN = new ProcessId("boot", 10, 1000);
    static final ProcessId BOB = new ProcessId("boot", 11, 1001);
    static final ProcessId EVE = new ProcessId("boot", 12, 1002);
    static final ImageId IMAGE = new ImageId("0a");
    static final ImageId OTHER_IMAGE = new ImageId("0b");
    static final PageIdentity PAGE = new PageIdentity(1, 2, 4096, 7, "0c");

    /** A page that only the test writes used in. */
    static final class MemoryPage implements Page {
        final long[] charge = new long[2];
        final long[] used = new long[2];
        int stores;

        /** Runs after each read of used, to move in the middle of a decision. */
        Runnable afterRead = () -> {};

        @Override
        public void storeCharge(int device, long word) {
            stores++;
            charge[device] = word;
        }

        @Override
        public long used(int device) {
            long read = used[device];
            afterRead.run();
            return read;
        }
    }

    final Map<ProcessId, MemoryPage> pages = new HashMap<>();
    Ledger ledger;

    Fixture(long limit) {
        this(Limits.everywhere(limit), false);
    }

    Fixture(Limits limits, boolean strict) {
        ledger = Ledger.open(limits, strict);
    }

    /** A member that sees GPU0 and GPU1 and holds its whole charge on GPU0. */
    MemoryPage member(ProcessId process, long charge) {
        ledger = ledger.apply(new LedgerEvent.Joined(process, IMAGE, List.of(GPU0, GPU1), PAGE));
        if (charge > 0) {
            ledger = ledger.apply(new LedgerEvent.Charged(process, GPU0, charge));
        }
        MemoryPage page = new MemoryPage();
        page.used[0] = charge;
        pages.put(process, page);
        ledger.pageWrites(process).forEach(write -> page.charge[write.device()] = write.word());
        return page;
    }

    @Nullable
    Page page(ProcessId process) {
        return pages.get(process);
    }

    Decision charge(ProcessId process, long bytes) {
        return Decisions.charge(ledger, process, 0, bytes, this::page);
    }

    /** Journal, then pages. */
    void carryOut(Change change) {
        ledger = ledger.apply(change.events());
        for (PageWrite write : change.writes()) {
            MemoryPage page = pages.get(write.process());
            if (page != null) {
                page.charge[write.device()] = write.word();
            }
        }
    }

    Decision carryOut(Decision decision) {
        carryOut(decision.change());
        return decision;
    }
}
