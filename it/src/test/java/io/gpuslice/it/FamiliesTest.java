// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every family of memory is counted, to the byte: as the program counts it, as the daemon does, and as the card does. */
class FamiliesTest {
    private static final long LIMIT = 64 * Rig.MIB;

    @AutoClose
    private static final Rig rig = Rig.running();

    private static final String session = rig.create("64MB");

    private static JsonNode view() {
        return rig.web().get("/sessions/" + session).with(200).json();
    }

    private static long used() {
        return view().path("used_bytes").asLong(-1);
    }

    private static Guest family(String api, String family) {
        return rig.in(session, "families-" + api, family);
    }

    private static void assertThatItIsFull(Guest guest) {
        String line = guest.await("held");
        long held = Guest.number(line, "held");
        long bytes = Guest.number(line, "bytes");
        assertThat(held).as(line).isPositive();
        assertThat(Guest.number(line, "refused")).as(line).isEqualTo(2);
        assertThat(bytes).as("as many blocks as fit").isBetween(LIMIT - bytes / held + 1, LIMIT);
        assertThat(guest.await("again"))
                .as("it freed some and went on")
                .isEqualTo("again=%d refused=2".formatted(held));
        assertThat(used()).as("the daemon's books").isEqualTo(bytes);
        assertThat(rig.heldOnCard()).as("the card's books").isEqualTo(bytes);
    }

    private static void assertThatNothingIsHeld() {
        assertThat(used()).as("the daemon's books").isZero();
        assertThat(rig.heldOnCard()).as("the card's books").isZero();
    }

    private void reachesItsLimitAndGivesAllOfItBack(String api, String family) {
        try (Guest guest = family(api, family)) {
            assertThatItIsFull(guest);

            guest.say("free");

            assertThat(guest.await("freed")).isEqualTo("freed code=0");
            assertThatNothingIsHeld();
            assertThat(guest.finish().exitCode()).as(guest.errors()).isZero();
        }
    }

    private void aKillReturnsItAll(String api, String family) {
        try (Guest guest = family(api, family)) {
            assertThatItIsFull(guest);
        } // which kills it

        Rig.eventually(() -> view().path("charge_bytes").asLong(-1) == 0);
        assertThatNothingIsHeld();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linear",
                "managed",
                "pitched",
                "async",
                "pool",
                "segment",
                "mapping",
                "array",
                "array3d",
                "mipmapped",
                "graph"
            })
    void throughTheDriverAFamilyReachesItsLimitComesBackAndDiesWithItsProcess(String family) {
        reachesItsLimitAndGivesAllOfItBack("driver", family);
        aKillReturnsItAll("driver", family);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linear",
                "managed",
                "pitched",
                "pitched3d",
                "async",
                "pool",
                "array",
                "array3d",
                "mipmapped",
                "graph"
            })
    void throughTheRuntimeAFamilyReachesItsLimitComesBackAndDiesWithItsProcess(String family) {
        reachesItsLimitAndGivesAllOfItBack("runtime", family);
        aKillReturnsItAll("runtime", family);
    }
}
