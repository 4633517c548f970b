// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A process of a session and what it has been charged.
 *
 * @param devices in the order of its HELLO, no two alike
 * @param charges bytes, one per device, in the same order
 */
public record Member(ProcessId process, ImageId image, List<DeviceId> devices, List<Long> charges, PageIdentity page) {
    /** @throws IllegalStateException if a charge is missing or negative */
    public Member {
        devices = List.copyOf(devices);
        charges = List.copyOf(charges);
        if (charges.size() != devices.size() || charges.stream().anyMatch(charge -> charge < 0)) {
            throw new IllegalStateException("Impossible member: " + process + " with " + devices + ", " + charges);
        }
    }

    /** @throws IllegalStateException if two devices are alike */
    static Member joined(LedgerEvent.Joined event) {
        List<DeviceId> devices = event.devices();
        if (new HashSet<>(devices).size() != devices.size()) {
            throw new IllegalStateException("This cannot have happened: " + event);
        }
        return new Member(
                event.process(), event.image(), devices, Collections.nCopies(devices.size(), 0L), event.page());
    }

    /** Bytes charged on this device; 0 where the member does not see it. */
    public long charge(DeviceId device) {
        int index = devices.indexOf(device);
        return index < 0 ? 0 : charges.get(index);
    }

    /** Its charge wherever it has any: what its end returns. */
    Map<DeviceId, Long> charged() {
        Map<DeviceId, Long> charged = new LinkedHashMap<>();
        for (int i = 0; i < devices.size(); i++) {
            if (charges.get(i) > 0) {
                charged.put(devices.get(i), charges.get(i));
            }
        }
        return charged;
    }

    Member withCharge(int index, long charge) {
        List<Long> changed = new ArrayList<>(charges);
        changed.set(index, charge);
        return new Member(process, image, devices, changed, page);
    }

    Member withPage(PageIdentity other) {
        return new Member(process, image, devices, charges, other);
    }
}
