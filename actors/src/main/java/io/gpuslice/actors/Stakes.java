// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.Stake.Role;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ShareKey;
import io.gpuslice.wire.Frame;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What follows from what a member says about the memory that it shares.
 *
 * @param changed stakes as they are from now on
 * @param gone those that are over, because nothing depends on them
 * @param ended those of {@code changed} that are to be handed over
 * @param rest what was said after one of the latter had its key named again: to be heard when that is handed over
 * @param overflows whether stakes were ignored because the member has {@link #MOST}
 */
record Stakes(
        Map<ShareKey, Stake> changed,
        Set<ShareKey> gone,
        Map<ShareKey, Stake> ended,
        List<Frame.Share> rest,
        boolean overflows) {

    /** Keys of one process that are followed. */
    static final int MOST = 65_536;

    /**
     * Listens to a member. What it cannot have is ignored: a program that tells tales is charged for what it says of its
     * own, and nobody else is for more than it has.
     *
     * @param before its stakes until now
     */
    static Stakes hear(Map<ShareKey, Stake> before, Member member, List<Frame.Share> said) {
        Map<ShareKey, Stake> changed = new HashMap<>();
        Set<ShareKey> gone = new HashSet<>();
        Map<ShareKey, Stake> ended = new HashMap<>();
        boolean overflows = false;
        int heard = 0;
        for (Frame.Share share : said) {
            ShareKey key = ShareKey.of(share.key());
            if (ended.containsKey(key)) {
                break;
            }
            heard++;
            Stake former = gone.contains(key) ? null : changed.getOrDefault(key, before.get(key));
            Stake stake = stake(former, member, share);
            if (key.isNone() || stake == null || stake.equals(former)) {
                continue;
            }
            if (former == null && before.size() + changed.size() >= MOST) {
                overflows = true;
            } else if (stake.ended() && !stake.pays()) {
                changed.remove(key);
                gone.add(key);
            } else {
                changed.put(key, stake);
                gone.remove(key);
                if (stake.ended()) {
                    ended.put(key, stake);
                }
            }
        }
        return new Stakes(changed, gone, ended, List.copyOf(said.subList(heard, said.size())), overflows);
    }

    /** What one saying makes of a stake; null: nothing. */
    private static @Nullable Stake stake(@Nullable Stake former, Member member, Frame.Share share) {
        DeviceId device = member.devices().get(share.device());
        return switch (share.what()) {
            case EXPORTED -> {
                boolean isItsOwn = former == null || former.role() == Role.EXPORTER;
                boolean canBe = share.bytes() > 0 && share.bytes() <= member.charge(device);
                yield isItsOwn && canBe ? new Stake(Role.EXPORTER, device, share.bytes(), false) : null;
            }
            case IMPORTED -> former == null ? new Stake(Role.IMPORTER, device, share.bytes(), false) : null;
            case RELEASED -> former != null && former.role() == Role.EXPORTER ? former.letGo() : null;
            case CLOSED -> former != null && former.role() != Role.EXPORTER ? former.letGo() : null;
        };
    }
}
