// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import static io.gpuslice.domain.Fixture.ANN;
import static io.gpuslice.domain.Fixture.BOB;
import static io.gpuslice.domain.Fixture.EVE;
import static io.gpuslice.domain.Fixture.GPU0;
import static io.gpuslice.domain.Fixture.GPU1;
import static io.gpuslice.domain.Fixture.IMAGE;
import static io.gpuslice.domain.Fixture.OTHER_IMAGE;
import static io.gpuslice.domain.Fixture.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Closed;
import io.gpuslice.domain.LedgerEvent.Expired;
import io.gpuslice.domain.LedgerEvent.Joined;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.LimitChanged;
import io.gpuslice.domain.LedgerEvent.Reason;
import io.gpuslice.domain.LedgerEvent.Renewed;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LedgerTest {
    private static final Ledger LEDGER = Ledger.open(Limits.everywhere(10), false)
            .apply(List.of(
                    new Joined(ANN, IMAGE, List.of(GPU0, GPU1), PAGE),
                    new Joined(BOB, IMAGE, List.of(GPU1, GPU0), PAGE),
                    new Charged(ANN, GPU0, 4),
                    new Charged(BOB, GPU0, 5)));

    @Test
    void chargesAddUpPerDeviceWhateverTheOrderInWhichTheMembersSeeThem() {
        assertThat(LEDGER.charged(GPU0)).isEqualTo(9);
        assertThat(LEDGER.free(GPU0)).isEqualTo(1);
        assertThat(LEDGER.free(GPU1)).isEqualTo(10);
        assertThat(LEDGER.pageWrites(BOB))
                .containsExactlyInAnyOrder(new PageWrite(BOB, 0, 0), new PageWrite(BOB, 1, 5));
    }

    @Test
    void foldingAChargeTwiceDoesNoHarm() {
        Charged charged = new Charged(ANN, GPU0, 5);

        assertThat(LEDGER.apply(charged).apply(charged)).isEqualTo(LEDGER.apply(charged));
    }

    @Test
    void aLimitBelowTheChargesLeavesThemAndLeavesLessThanNothingFree() {
        Ledger shrunk = LEDGER.apply(new LimitChanged(new Limits(10, Map.of(GPU0, 3L))));

        assertThat(shrunk.charged(GPU0)).isEqualTo(9);
        assertThat(shrunk.free(GPU0)).isEqualTo(-6);
        assertThat(shrunk.gated(GPU0)).isTrue();
        assertThat(shrunk.gated(GPU1)).isFalse();
        assertThat(shrunk.apply(new Charged(BOB, GPU0, 4)).charged(GPU0)).isEqualTo(8);
    }

    @Test
    void aRestartWritesWhatTheBooksSayGateIncluded() {
        Ledger expired = LEDGER.apply(new Expired());

        assertThat(expired.pageWrites())
                .containsExactlyInAnyOrder(
                        new PageWrite(ANN, 0, 4 | Page.GATED),
                        new PageWrite(ANN, 1, Page.GATED),
                        new PageWrite(BOB, 0, Page.GATED),
                        new PageWrite(BOB, 1, 5 | Page.GATED));
        assertThat(expired.pageWrites(EVE)).isEmpty();
    }

    static Stream<LedgerEvent> impossible() {
        DeviceId unseen = new DeviceId(new UUID(9, 9));
        return Stream.of(
                new Joined(ANN, OTHER_IMAGE, List.of(GPU0, GPU1), PAGE),
                new Joined(ANN, IMAGE, List.of(GPU1), PAGE),
                new Joined(EVE, IMAGE, List.of(GPU0, GPU0), PAGE),
                new Charged(EVE, GPU0, 1),
                new Charged(ANN, unseen, 1),
                new Charged(ANN, GPU0, -1),
                new Charged(ANN, GPU0, 6),
                new Charged(ANN, GPU0, Long.MAX_VALUE),
                new Left(EVE, IMAGE, Reason.DIED, Map.of()),
                new Left(ANN, OTHER_IMAGE, Reason.DIED, Map.of(GPU0, 4L)),
                new Left(ANN, IMAGE, Reason.DIED, Map.of(GPU0, 5L)),
                new Left(ANN, IMAGE, Reason.DIED, Map.of()));
    }

    @ParameterizedTest
    @MethodSource("impossible")
    void anEventThatCannotHaveHappenedThrows(LedgerEvent event) {
        assertThatThrownBy(() -> LEDGER.apply(event)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aSessionThatTakesNoNewMemoryRaisesNoCharge() {
        for (LedgerEvent end : List.of(new Expired(), new Closed())) {
            Ledger ended = LEDGER.apply(end);

            assertThat(ended.apply(new Charged(ANN, GPU0, 3)).charged(GPU0)).isEqualTo(8);
            assertThatThrownBy(() -> ended.apply(new Charged(ANN, GPU0, 5))).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aSessionExpiresOnceComesBackAndIsClosedForGood() {
        Ledger expired = LEDGER.apply(new Expired());
        Ledger closed = expired.apply(new Closed());

        assertThat(expired.apply(new Renewed())).isEqualTo(LEDGER);
        assertThatThrownBy(() -> expired.apply(new Expired())).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> closed.apply(new Renewed())).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> closed.apply(new Closed())).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aDeviceReadsAsItIsPrinted() {
        DeviceId device = DeviceId.valueOf("GPU-01234567-89ab-cdef-0123-456789abcdef");

        assertThat(device).hasToString("GPU-01234567-89ab-cdef-0123-456789abcdef");
        assertThatThrownBy(() -> DeviceId.valueOf("0")).hasMessageContaining("GPU-xxxxxxxx");
    }

    @Test
    void aNegativeLimitIsRefused() {
        assertThatThrownBy(() -> Limits.everywhere(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Limits(1, Map.of(GPU0, -1L))).isInstanceOf(IllegalArgumentException.class);
    }
}
