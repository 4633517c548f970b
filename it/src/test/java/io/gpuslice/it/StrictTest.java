// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** In a strict session every single allocation is decided by the session, and its limit holds as any other. */
class StrictTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void evenWhatItFreedItselfAProgramMustAskFor() {
        rig.with("GPUSLICE_IPC_WAIT", "300ms");
        Guest daemon = rig.daemon();
        String session = rig.create("64MB", "--strict");
        assertThat(rig.inspect(session).path("strict").asBoolean()).isTrue();
        Guest strict = rig.in(session, "holder", "--count", 10);
        strict.await("ready held=10");
        Guest ordinary = rig.in(rig.create("64MB"), "holder", "--count", 10);
        ordinary.await("ready held=10");

        daemon.kill().exitCode();

        for (Guest guest : List.of(strict, ordinary)) {
            guest.say("less 5");
            guest.await("held=5 refused=0");
            guest.say("more 1");
        }
        assertThat(strict.await("held")).startsWith("held=5 refused=2");
        assertThat(ordinary.await("held")).startsWith("held=6 refused=0");
        rig.daemon();
        Rig.eventually(() -> {
            strict.say("more 100");
            return strict.await("held").startsWith("held=64 refused=2");
        });
    }

    @Test
    void theLimitHoldsExactlyWithFourProcessesHammering() {
        rig.daemon();
        String session = rig.create("64MB", "--strict");
        List<Guest> guests = IntStream.range(0, 4)
                .mapToObj(i -> rig.in(session, "hammer", "--threads", 2, "--rounds", 200))
                .toList();

        long held = guests.stream()
                .mapToLong(guest -> Guest.number(guest.await("held"), "held"))
                .sum();
        // One that was refused while another still held more may have stopped early: the rest is for whoever asks.
        Guest rest = rig.in(session, "fill", "--hold");
        held += Guest.number(rest.await("held"), "held");

        assertThat(held).isEqualTo(64);
        JsonNode seen = rig.inspect(session);
        assertThat(seen.path("used_bytes").asLong()).isEqualTo(64 * Rig.MIB).isEqualTo(rig.heldOnCard());
        guests.forEach(guest -> assertThat(guest.finish().exitCode()).isZero());
        rest.finish().exitCode();
        Rig.eventually(() -> rig.charge(session) == 0);
    }
}
