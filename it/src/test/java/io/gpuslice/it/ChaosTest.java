// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A short part of {@code make chaos} (it/chaos): always the same faults, though not at the same steps of the guests. */
class ChaosTest {

    /** Of churning; all is quiet and compared at the end. */
    private static final int SECONDS = 6;

    private static final long SEED = 7;

    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void whateverIsKilledNoLimitIsBrokenAndTheBooksAreTheCards() {
        String driver = rig.tree.root().resolve("it/chaos/run").toString();

        Guest chaos = rig.start(
                List.of(
                        "python3",
                        driver,
                        "--seconds",
                        SECONDS + "",
                        "--seed",
                        SEED + "",
                        "--lanes",
                        "6",
                        "--faults",
                        "guests,daemon,sessions,socket"),
                rig.environment());
        chaos.await("chaos: done");

        String said = chaos.output();
        assertThat(chaos.exitCode()).as(said + chaos.errors()).isZero();
        assertThat(said)
                .containsPattern("[1-9]\\S* +guests killed")
                .containsPattern("[1-9]\\S* +daemon restarted")
                .containsPattern("[1-9]\\S* +sessions compared when quiet")
                .containsPattern("[1-9]\\S* +steps")
                .contains("violations=0");
    }
}
