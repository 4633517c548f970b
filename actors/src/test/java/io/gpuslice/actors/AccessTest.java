// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.ErrorCode;
import org.junit.jupiter.api.Test;

class AccessTest {
    private static final int OWN = 1000;

    private final Access guarded = new Access(true, OWN);

    @Test
    void whereThereIsATokenOnlyWhoShowsItOpensSessions() {
        assertThat(guarded.toOpen(new Caller(1, OWN, true))).isEmpty();
        assertThat(guarded.toOpen(new Caller(1, OWN, false)))
                .contains(new Access.Refusal(
                        ErrorCode.UNAUTHENTICATED,
                        "only who shows the operator's token may open a session: set GPUSLICE_IPC_TOKEN to the"
                                + " daemon's"));
    }
}
