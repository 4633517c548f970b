// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UnfinishedTest {

    private final Unfinished unfinished = new Unfinished(100_000);

    @Test
    void whatOneReadBringsIsNotCounted() {
        for (int client = 0; client < 10_000; client++) {
            assertThat(unfinished.resize(0, Ingress.READ_AT_ONCE)).isTrue();
        }
        assertThat(unfinished.resize(0, Ingress.READ_AT_ONCE + 100_000)).isTrue();
    }

    @Test
    void thereIsNoRoomForMoreUntilSomethingIsLetGo() {
        assertThat(unfinished.resize(0, 60_000)).isTrue();
        assertThat(unfinished.resize(0, 60_000)).isFalse();
        assertThat(unfinished.resize(60_000, 104_000)).isTrue();
        assertThat(unfinished.resize(0, 5_000)).isFalse();

        assertThat(unfinished.resize(104_000, 0)).isTrue();

        assertThat(unfinished.resize(0, 104_000)).isTrue();
    }
}
