// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a session holds: one reading of every page, so that its numbers agree with each other.
 *
 * @param devices every device that a member sees, something remains on, or a limit names
 * @param members in the order in which they joined
 */
public record Status(List<DeviceUse> devices, List<MemberUse> members) {
    public Status {
        devices = List.copyOf(devices);
        members = List.copyOf(members);
    }

    /**
     * The session on one device, in bytes.
     *
     * @param charge may be above a limit that was lowered
     */
    public record DeviceUse(DeviceId device, long limit, long used, long charge) {
        /** Handed out and idle. */
        public long credit() {
            return charge - used;
        }
    }

    /**
     * One member, in bytes.
     *
     * @param devices one per device of its HELLO, in that order; their limit is the session's
     */
    public record MemberUse(ProcessId process, List<DeviceUse> devices, PageHealth page) {
        public MemberUse {
            devices = List.copyOf(devices);
        }
    }

    /** How far a member's page is believed. */
    public enum PageHealth {
        /** It makes sense. */
        OK,
        /** There is none: the whole charge counts as used. */
        LOST,
        /**
         * It claims more than the charge, which then counts whole. For an instant that is an allocation backing
         * off; where it stays, the page is forged.
         */
        SUSPECT
    }

    /** Reads every page once. */
    public static Status of(Ledger ledger, PageLookup pages) {
        List<MemberUse> members = new ArrayList<>();
        for (Member member : ledger.members()) {
            members.add(read(ledger, member, pages.of(member.process())));
        }
        List<DeviceUse> devices = new ArrayList<>();
        for (DeviceId device : ledger.devices()) {
            long used = ledger.remaining(device);
            for (MemberUse member : members) {
                for (DeviceUse use : member.devices()) {
                    used += use.device().equals(device) ? use.used() : 0;
                }
            }
            devices.add(new DeviceUse(device, ledger.limits().on(device), used, ledger.charged(device)));
        }
        return new Status(devices, members);
    }

    /** The session on this device, also where nobody has seen it. */
    public DeviceUse on(DeviceId device, Limits limits) {
        return devices.stream()
                .filter(use -> use.device().equals(device))
                .findFirst()
                .orElseGet(() -> new DeviceUse(device, limits.on(device), 0, 0));
    }

    private static MemberUse read(Ledger ledger, Member member, @Nullable Page page) {
        PageHealth health = page == null ? PageHealth.LOST : PageHealth.OK;
        List<DeviceUse> uses = new ArrayList<>();
        for (int i = 0; i < member.devices().size(); i++) {
            DeviceId device = member.devices().get(i);
            long charge = member.charges().get(i);
            long used = page == null ? charge : page.used(i);
            if (Used.exceeds(used, charge)) {
                health = PageHealth.SUSPECT;
                used = charge;
            }
            uses.add(new DeviceUse(device, ledger.limits().on(device), used, charge));
        }
        return new MemberUse(member.process(), uses, health);
    }
}
