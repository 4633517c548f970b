// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Stake.Role;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.ShareKey;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.Frame.Share.What;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StakesTest {

    private static final Member MEMBER = new Member(
            new ProcessId("boot", 1, 1),
            World.image(1),
            List.of(DEVICE),
            List.of(10L),
            new PageIdentity(1, 1, 4096, 7, "page"));
    private static final ShareKey KEY = new ShareKey("01");
    private static final Stake EXPORTED = new Stake(Role.EXPORTER, DEVICE, 4, false);
    private static final Stake IMPORTED = new Stake(Role.IMPORTER, DEVICE, 0, false);
    private static final Stake INHERITED = new Stake(Role.HEIR, DEVICE, 4, false);

    @Test
    void anExportIsNoMoreThanTheMemberWasCharged() {
        assertThat(hear(Map.of(), said(What.EXPORTED, 10)).changed())
                .containsExactly(Map.entry(KEY, new Stake(Role.EXPORTER, DEVICE, 10, false)));
        assertThat(hear(Map.of(), said(What.EXPORTED, 11)).changed()).isEmpty();
        assertThat(hear(Map.of(), said(What.EXPORTED, 0)).changed()).isEmpty();
    }

    @Test
    void whatIsSaidAgainChangesNothing() {
        assertThat(hear(Map.of(KEY, EXPORTED), said(What.EXPORTED, 4)).changed())
                .isEmpty();
        assertThat(hear(Map.of(KEY, IMPORTED), said(What.IMPORTED, 0)).changed())
                .isEmpty();
        assertThat(hear(Map.of(KEY, INHERITED), said(What.IMPORTED, 0)).changed())
                .isEmpty();
    }

    @Test
    void nobodyExportsWhatItImportsOrImportsWhatItExports() {
        assertThat(hear(Map.of(KEY, IMPORTED), said(What.EXPORTED, 4)).changed())
                .isEmpty();
        assertThat(hear(Map.of(KEY, EXPORTED), said(What.IMPORTED, 4)).changed())
                .isEmpty();
        assertThat(hear(Map.of(KEY, EXPORTED), said(What.CLOSED, 0)).gone()).isEmpty();
        assertThat(hear(Map.of(KEY, IMPORTED), said(What.RELEASED, 0)).gone()).isEmpty();
    }

    @Test
    void whatIsLetGoIsHandedOverWhereItCountsAndElseIsOver() {
        Stakes released = hear(Map.of(KEY, EXPORTED), said(What.RELEASED, 0));
        Stakes disinherited = hear(Map.of(KEY, INHERITED), said(What.CLOSED, 0));
        Stakes closed = hear(Map.of(KEY, IMPORTED), said(What.CLOSED, 0));

        assertThat(released.ended()).containsExactly(Map.entry(KEY, EXPORTED.letGo()));
        assertThat(released.changed()).isEqualTo(released.ended());
        assertThat(disinherited.ended()).containsExactly(Map.entry(KEY, INHERITED.letGo()));
        assertThat(closed.ended()).isEmpty();
        assertThat(closed.gone()).containsExactly(KEY);
    }

    @Test
    void whatIsSaidOfAKeyThatIsHandedOverIsHeardAfterThat() {
        Stakes stakes = hear(
                Map.of(KEY, EXPORTED),
                said(What.RELEASED, 0),
                said(new ShareKey("02"), What.EXPORTED, 1),
                said(What.EXPORTED, 5),
                said(new ShareKey("03"), What.EXPORTED, 1));

        assertThat(stakes.changed()).containsOnlyKeys(KEY, new ShareKey("02"));
        assertThat(stakes.rest()).containsExactly(said(What.EXPORTED, 5), said(new ShareKey("03"), What.EXPORTED, 1));
    }

    @Test
    void anImportThatIsOpenedAndClosedInOneBreathLeavesNothing() {
        Stakes stakes = hear(Map.of(), said(What.IMPORTED, 0), said(What.CLOSED, 0));

        assertThat(stakes.changed()).isEmpty();
        assertThat(stakes.ended()).isEmpty();
    }

    @Test
    void memoryWithoutANameIsNotFollowed() {
        assertThat(hear(Map.of(), said(ShareKey.of("00".repeat(Abi.KEY_SIZE)), What.EXPORTED, 1)))
                .isEqualTo(hear(Map.of()));
    }

    @Test
    void furtherBlocksThanTheMostAreIgnoredAndThatIsKnown() {
        Map<ShareKey, Stake> many = new HashMap<>();
        for (int i = 0; i < Stakes.MOST; i++) {
            many.put(new ShareKey("%06x".formatted(i)), EXPORTED);
        }

        Stakes stakes = hear(many, said(What.EXPORTED, 1));

        assertThat(stakes.changed()).isEmpty();
        assertThat(stakes.overflows()).isTrue();
        assertThat(hear(many, said(new ShareKey("000001"), What.RELEASED, 0)).ended())
                .as("what is followed goes on")
                .hasSize(1);
    }

    private static Stakes hear(Map<ShareKey, Stake> before, Frame.Share... said) {
        return Stakes.hear(before, MEMBER, List.of(said));
    }

    private static Frame.Share said(What what, long bytes) {
        return said(KEY, what, bytes);
    }

    private static Frame.Share said(ShareKey key, What what, long bytes) {
        return new Frame.Share(
                what, 0, bytes, key.hex() + "00".repeat(Abi.KEY_SIZE - key.hex().length() / 2));
    }
}
