// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.Step;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ProtocolModelTest {
    private static final int MOST_STATES = 3_000_000;

    @Test
    void theProtocolKeepsItsInvariantsInEveryInterleavingAndTakesEveryStep() {
        Set<Step> taken = EnumSet.noneOf(Step.class);
        for (Scenario scenario : Scenario.quick()) {
            Explorer.Result result = Explorer.explore(scenario, Mutation.NONE, MOST_STATES);

            assertThat(result.broken())
                    .as(() -> scenario.name() + "\n" + String.join("\n", result.path()))
                    .isNull();
            taken.addAll(result.taken());
        }
        // The table of allocations is not modelled: what stands in it changes nothing that is shared.
        assertThat(taken).isEqualTo(EnumSet.complementOf(EnumSet.of(Step.RECORD)));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void everyMutationIsFound(Mutation mutation) {
        Explorer.Result result = Explorer.explore(Scenario.thatShows(mutation), mutation, MOST_STATES);

        assertThat(result.broken()).isNotNull();
        assertThat(result.path()).isNotEmpty();
    }
}
