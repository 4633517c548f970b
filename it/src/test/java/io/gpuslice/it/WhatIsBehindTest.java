// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the numbers of the members do not show: programs that are not limited, and memory that outlives its process. */
class WhatIsBehindTest {

    private final Rig rig = Rig.idle();

    @AfterEach
    void end() {
        rig.close();
    }

    @Test
    void aProgramThatReachesTheDriverPastTheLibraryIsNamedUntilItEnds() {
        rig.daemon();
        Guest free = pastTheLibrary("run", "--limit", "64MB", "--name", "past");
        String session = rig.inspect("past").path("id").asText();
        Rig.eventually(() -> !rig.inspect(session).path("unenforced").isEmpty());

        JsonNode named = rig.inspect(session).path("unenforced").path(0);
        assertThat(named.path("pid").asLong()).isEqualTo(free.pid());
        assertThat(named.path("command").asText()).contains("fill --hold");
        assertThat(named.path("why").asText()).contains("LD_PRELOAD");
        assertThat(rig.run("ps").ok().out()).contains("UNENFORCED");
        assertThat(rig.web().scrape().number("gpuslice_unenforced_processes", Map.of("session", session)))
                .isEqualTo(1);

        free.finish().exitCode();
        Rig.eventually(() -> !rig.run("ps").ok().out().contains("UNENFORCED"));
    }

    @Test
    void inASessionThatWasCreatedForNobodyItIsNamedToo() {
        rig.daemon();
        String session = rig.create("64MB");
        Guest free = pastTheLibrary("exec", session);

        Rig.eventually(() -> !rig.inspect(session).path("unenforced").isEmpty());

        JsonNode named = rig.inspect(session).path("unenforced").path(0);
        assertThat(named.path("pid").asLong()).isEqualTo(free.pid());
        assertThat(named.path("why").asText()).contains("LD_PRELOAD");
        free.finish().exitCode();
        Rig.eventually(() -> rig.inspect(session).path("unenforced").isEmpty());
    }

    @Test
    void aProgramThatIsStartedWithAnEmptyEnvironmentStaysLimited() {
        rig.daemon();
        String session = rig.create("64MB");

        Guest fill = rig.gpuslice(
                "exec", session, "--", "env", "-i", "LD_LIBRARY_PATH=" + rig.tree.fakecuda(), rig.tree.program("fill"));

        assertThat(fill.finish().output()).contains("held=64 refused=2");
        assertThat(rig.inspect(session).path("unenforced")).isEmpty();
    }

    @Test
    void memoryThatAForkedChildKeepsAliveStaysCountedUntilItEnds() {
        rig.with("FAKECUDA_DEVICE_NODE", rig.dir.resolve("nvidia0").toString())
                .with("GPUSLICE_DEVICE_NODES", rig.dir.resolve("nvidia*").toString());
        rig.daemon();
        String session = rig.create("64MB");
        Guest parent = rig.in(session, "forker", "--children", 0, "--each", 20);
        parent.await("ready held=20");

        parent.signal("KILL");
        Rig.eventually(() -> rig.inspect(session).path("processes").isEmpty());

        JsonNode left = rig.inspect(session).path("remainders").path(0);
        assertThat(left.path("bytes").asLong()).isEqualTo(20 * Rig.MIB);
        assertThat(left.path("reason").asText()).isEqualToIgnoringCase("lingering");
        assertThat(rig.used(session)).isEqualTo(20 * Rig.MIB).isEqualTo(rig.heldOnCard());
        assertThat(rig.in(session, "fill").finish().output()).contains("held=44 refused=2");

        // The kept child waits for the end of the input that it shares with its parent.
        parent.finish();
        Rig.eventually(() -> rig.used(session) == 0);
        assertThat(rig.heldOnCard()).isZero();
        assertThat(rig.inspect(session).path("remainders")).isEmpty();
    }

    /** A program that the library is taken from, started by this verb; it holds memory. */
    private Guest pastTheLibrary(String... verb) {
        List<Object> arguments = new ArrayList<>(List.of(verb));
        arguments.addAll(List.of("--", "env", "GPUSLICE_KEEP_ENV=0", "env", "-u", "LD_PRELOAD"));
        arguments.addAll(List.of(rig.tree.program("fill"), "--hold", "--max", 8));
        Guest free = rig.gpuslice(arguments.toArray());
        free.await("held=");
        return free;
    }
}
