// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HistoryTest {
    private static final long STEP = History.STEP.toNanos();
    private static final Instant BEGUN = Instant.ofEpochSecond(1_000_000);
    private static final Viewer ANN = new Viewer(false, 1000, Optional.empty());

    /** The clock may begin anywhere. */
    private final History history = new History(Long.MAX_VALUE / 2);

    private void see(int step, Look look) {
        history.saw(look, Long.MAX_VALUE / 2 + step * STEP + 1, BEGUN.plusSeconds(10L * step));
    }

    private JsonNode used(int session) {
        return history.session(Views.id(session)).path("used_bytes");
    }

    @Test
    void eachStepHasItsNumberAndItsTime() {
        see(0, Views.look(Views.session(1, 1000, 5)));
        see(1, Views.look(Views.session(1, 1000, 6), Views.session(2, 1001, 70)));
        assertThat(history.session(Views.id(1)))
                .hasToString("{\"step_seconds\":10,\"times\":[1000000,1000010],"
                        + "\"limit_bytes\":[8589934592,8589934592],\"used_bytes\":[5,6],\"charge_bytes\":[6,7]}");
        assertThat(used(2)).hasToString("[null,70]");
        assertThat(history.devices(Viewer.OF_ALL))
                .hasToString("{\"step_seconds\":10,\"times\":[1000000,1000010],\"devices\":[{\"index\":0,"
                        + "\"uuid\":\"GPU-00000000-0000-0000-0000-000000000001\","
                        + "\"used_bytes\":[5,76],\"charge_bytes\":[6,78]}]}");
    }

    @Test
    void aUserSeesTheSumOfItsOwnSessions() {
        see(0, Views.look(Views.session(1, 1000, 5), Views.session(2, 1000, 7), Views.session(3, 1001, 100)));
        assertThat(history.devices(ANN).at("/devices/0/used_bytes")).hasToString("[12]");
        assertThat(history.devices(new Viewer(false, 77, Optional.empty())).at("/devices/0/used_bytes"))
                .hasToString("[null]");
    }

    @Test
    void aStepWithoutASampleIsNullAndTheSecondOneOfAStepIsNone() {
        see(0, Views.look(Views.session(1, 1000, 5)));
        see(3, Views.look(Views.session(1, 1000, 8)));
        see(3, Views.look(Views.session(1, 1000, 9)));
        see(4, Views.look(List.of(Views.id(1))));
        assertThat(used(1)).hasToString("[5,null,null,8,null]");
        assertThat(history.isDue(Long.MAX_VALUE / 2 + 5 * STEP - 1)).isFalse();
        assertThat(history.isDue(Long.MAX_VALUE / 2 + 5 * STEP)).isTrue();
    }

    @Test
    void anHourIsKeptAndNoMore() {
        for (int step = 0; step < History.STEPS + 5; step++) {
            see(step, Views.look(Views.session(1, 1000, step)));
        }
        JsonNode used = used(1);
        assertThat(used).hasSize(History.STEPS);
        assertThat(used.get(0).asLong()).isEqualTo(5);
        assertThat(used.get(History.STEPS - 1).asLong()).isEqualTo(History.STEPS + 4);
        see(2 * History.STEPS + 5, Views.look(Views.session(1, 1000, 1)));
        JsonNode later = used(1);
        assertThat(later).hasSize(History.STEPS);
        assertThat(later.get(0).isNull()).isTrue();
        assertThat(later.get(History.STEPS - 2).isNull()).isTrue();
        assertThat(later.get(History.STEPS - 1).asLong()).isEqualTo(1);
    }

    @Test
    void whoIsGoneIsForgotten() {
        see(0, Views.look(Views.session(1, 1000, 5)));
        see(1, Views.look());
        see(2, Views.look(Views.session(1, 1000, 6)));
        assertThat(used(1)).hasToString("[null,null,6]");
        assertThat(history.devices(ANN).at("/devices/0/used_bytes")).hasToString("[null,null,6]");
    }
}
