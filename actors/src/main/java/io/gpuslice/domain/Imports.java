// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.domain.LedgerEvent.Imported;
import io.gpuslice.wire.Abi;
import java.util.ArrayList;
import java.util.List;

/** Decisions about memory that a process uses although whoever it was charged to has let go of it. */
public final class Imports {
    private Imports() {}

    /**
     * From now on the process counts for so many bytes more, which it has already: there is nothing to deny. Idle credit
     * is collected where they do not fit; what is still missing is over the limit, whatever the session's state.
     *
     * @param bytes 1 … 2^63−1
     * @return without events where no device has so many bytes
     */
    public static Change takeOver(Ledger ledger, ProcessId process, DeviceId device, long bytes, PageLookup pages) {
        if (bytes > Math.max(ledger.limits().on(device), Abi.MAX_BYTES) - ledger.charged(device)) {
            // Forged; and what adds up to more than any device has would overflow in the end.
            return Change.NONE;
        }
        List<LedgerEvent> events = new ArrayList<>();
        if (bytes > ledger.free(device)) {
            events.addAll(Collect.from(ledger, device, pages));
        }
        List<DeviceId> collected = events.isEmpty() ? List.of() : List.of(device);
        events.add(new Imported(process, device, ledger.imported(process, device) + bytes));
        return Decisions.settle(ledger, events, collected);
    }

    /** Somebody else counts for these bytes of the process from now on, or nobody uses them any longer. */
    public static Change letGo(Ledger ledger, ProcessId process, DeviceId device, long bytes) {
        long left = ledger.imported(process, device) - bytes;
        return Decisions.settle(ledger, List.of(new Imported(process, device, left)), List.of());
    }
}
